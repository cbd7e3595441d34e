package dev.slidemobile

import android.app.ActivityManager
import android.content.Context
import android.content.pm.ApplicationInfo
import android.os.BatteryManager
import android.os.Build
import android.os.Debug
import android.os.PowerManager
import dev.slidemobile.core.Condition
import dev.slidemobile.core.Device
import dev.slidemobile.core.Environment
import dev.slidemobile.core.MemoryReading
import dev.slidemobile.core.Thermal
import java.io.File
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.TimeZone

/** What this phone reports about itself. */
class Phone(private val context: Context) : Device {
    override val osBuild: String = Build.FINGERPRINT

    override fun condition(): Condition {
        val power = context.getSystemService(Context.POWER_SERVICE) as PowerManager
        val battery = context.getSystemService(Context.BATTERY_SERVICE) as BatteryManager
        val charge = battery.getIntProperty(BatteryManager.BATTERY_PROPERTY_CAPACITY)
        return Condition(
            powerSaver = power.isPowerSaveMode,
            chargePercent = charge.takeIf { it in 0..100 },  // a device without a battery: Int.MIN
            isCharging = battery.isCharging,
            thermal = thermal(),
            isDebuggable =
                context.applicationInfo.flags and ApplicationInfo.FLAG_DEBUGGABLE != 0,
            isEmulator = Build.HARDWARE in EMULATORS,
        )
    }

    /** Proportional set size, to which Android counts what a GPU holds for the app. */
    override fun memory(): MemoryReading {
        val info = Debug.MemoryInfo().also(Debug::getMemoryInfo)
        return MemoryReading(
            bytes = info.totalPss * BYTES_PER_KIB,
            graphicsBytes =
                info.getMemoryStat("summary.graphics")?.toLongOrNull()?.times(BYTES_PER_KIB),
        )
    }

    /** Unknown before Android 10, the first version that reports it. */
    override fun thermal(): Thermal {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return Thermal.UNKNOWN
        val power = context.getSystemService(Context.POWER_SERVICE) as PowerManager
        return when (power.currentThermalStatus) {
            PowerManager.THERMAL_STATUS_NONE -> Thermal.NOMINAL
            PowerManager.THERMAL_STATUS_LIGHT -> Thermal.FAIR
            PowerManager.THERMAL_STATUS_MODERATE -> Thermal.SERIOUS
            PowerManager.THERMAL_STATUS_SEVERE -> Thermal.SERIOUS
            else -> Thermal.CRITICAL
        }
    }

    /** The kernel's high-water mark of resident memory (proc(5), VmHWM). */
    override fun peakRssBytes(): Long? = File("/proc/self/status").readLines()
        .firstOrNull { it.startsWith("VmHWM:") }
        ?.filter(Char::isDigit)?.toLongOrNull()?.times(BYTES_PER_KIB)

    fun environment(runtimes: Map<String, String>) = Environment(
        device = "${Build.MANUFACTURER} ${Build.MODEL}",
        os = "Android",
        osVersion = Build.VERSION.RELEASE,
        cpu = cpu(),
        cores = Runtime.getRuntime().availableProcessors(),
        memoryBytes = memoryBytes(),
        appVersion = appVersion(),
        created = now(),
        runtimes = runtimes,
    )

    private fun appVersion(): String =
        context.packageManager.getPackageInfo(context.packageName, 0).versionName ?: "unknown"

    private fun cpu(): String {
        val abi = Build.SUPPORTED_ABIS.firstOrNull().orEmpty()
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.S) return "${Build.HARDWARE} $abi"
        return "${Build.SOC_MANUFACTURER} ${Build.SOC_MODEL} $abi"
    }

    private fun memoryBytes(): Long {
        val info = ActivityManager.MemoryInfo()
        (context.getSystemService(Context.ACTIVITY_SERVICE) as ActivityManager).getMemoryInfo(info)
        return info.totalMem
    }

    private fun now(): String = SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'Z'", Locale.ROOT)
        .apply { timeZone = TimeZone.getTimeZone("UTC") }
        .format(Date())

    private companion object {
        const val BYTES_PER_KIB = 1024L

        /** Of the emulator in Android's SDK, by age, and of Cuttlefish. */
        val EMULATORS = setOf("goldfish", "ranchu", "cutf_cvm")
    }
}
