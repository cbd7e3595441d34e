package android.os;

/** As far as the app needs it, of API 29. */
public final class PowerManager {
    public static final int THERMAL_STATUS_NONE = 0;
    public static final int THERMAL_STATUS_LIGHT = 1;
    public static final int THERMAL_STATUS_MODERATE = 2;
    public static final int THERMAL_STATUS_SEVERE = 3;

    public boolean isPowerSaveMode() {
        return false;
    }

    public int getCurrentThermalStatus() {
        return THERMAL_STATUS_NONE;
    }
}
