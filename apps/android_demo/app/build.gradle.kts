plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "dev.slidemobile.measure"
    compileSdk = 36

    defaultConfig {
        applicationId = "dev.slidemobile.measure"
        minSdk = 26
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
    }

    buildTypes {
        // For numbers: as `release`, and signed with the machine's debug key, so that it installs.
        create("benchmark") {
            initWith(getByName("release"))
            signingConfig = signingConfigs.getByName("debug")
            isDebuggable = false
            matchingFallbacks += "release"
        }
        // For device farms: as `benchmark`, and Firebase's game loops may start it (src/farm).
        create("farm") {
            initWith(getByName("benchmark"))
            matchingFallbacks += "release"
        }
    }

    // The instrumentation measures, too: never a debuggable app.
    testBuildType = "farm"

    androidResources {
        // Model files do not shrink, and are copied out at the first start.
        noCompress += listOf("tflite", "pte")
    }

    packaging {
        jniLibs {
            // Where LiteRT finds an NPU's libraries: a folder, not inside the APK. It also means that
            // pages of 16 KB are a matter of the libraries alone, which the workflow checks.
            useLegacyPackaging = true
        }
    }
}

kotlin {
    jvmToolchain(libs.versions.java.get().toInt())
}

dependencies {
    implementation(project(":slide-mobile"))
    androidTestImplementation(libs.androidx.test.runner)
}
