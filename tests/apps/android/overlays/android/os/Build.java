package android.os;

/** As far as the app needs it, of API 35; the jar that the UI is compiled against is of API 23. */
public class Build {
    public static final String HARDWARE = "";
    public static final String MANUFACTURER = "";
    public static final String MODEL = "";
    public static final String SOC_MANUFACTURER = "";
    public static final String SOC_MODEL = "";
    public static final String[] SUPPORTED_ABIS = {};

    public static class VERSION {
        public static final String RELEASE = "";
        public static final int SDK_INT = Integer.parseInt("35");
    }

    public static class VERSION_CODES {
        public static final int Q = 29;
        public static final int S = 31;
        public static final int TIRAMISU = 33;
    }
}
