/*
 * As much of Gradle's and the Android plugin's Kotlin DSL as the app's five .kts files use: it
 * catches what is misspelt or of another type, not what those plugins would do.
 */

@DslMarker
annotation class Dsl


class Property<T : Any> {
    fun set(value: T) = println(value)
}

open class Library(val module: String)
open class Plugin(val id: String)

/** Open, because a node of `libs` is an object: a value, and a folder of more. */
open class Version(private val value: String) {
    fun get(): String = value
}

@Dsl
class Repositories {
    fun google() = Unit
    fun mavenCentral() = Unit
    fun gradlePluginPortal() = Unit
}

enum class RepositoriesMode { PREFER_PROJECT, PREFER_SETTINGS, FAIL_ON_PROJECT_REPOS }

@Dsl
class PluginManagement {
    fun repositories(body: Repositories.() -> Unit) = Repositories().body()
}

@Dsl
class DependencyResolution {
    val repositoriesMode = Property<RepositoriesMode>()
    fun repositories(body: Repositories.() -> Unit) = Repositories().body()
}

class RootProject {
    var name: String = ""
}

class PluginId(val id: String) {
    infix fun version(version: String) = println("$id $version")
}

@Dsl
class SettingsPlugins {
    fun id(id: String) = PluginId(id)
}

@Dsl
class Settings {
    fun plugins(body: SettingsPlugins.() -> Unit) = SettingsPlugins().body()
    val rootProject = RootProject()
    fun pluginManagement(body: PluginManagement.() -> Unit) = PluginManagement().body()
    fun dependencyResolutionManagement(body: DependencyResolution.() -> Unit) =
        DependencyResolution().body()
    fun include(vararg projects: String) = println(projects.size)
}

class AppliedPlugin {
    infix fun apply(isApplied: Boolean) = println(isApplied)
}

@Dsl
class Plugins {
    fun alias(plugin: Plugin): AppliedPlugin = AppliedPlugin().also { println(plugin.id) }
}

class ProjectDependency(val path: String)

@Dsl
class Dependencies {
    fun project(path: String) = ProjectDependency(path)
    fun api(dependency: ProjectDependency) = println(dependency)
    fun implementation(dependency: Library) = println(dependency)
    fun implementation(dependency: ProjectDependency) = println(dependency)
    fun testImplementation(dependency: Library) = println(dependency)
    fun androidTestImplementation(dependency: Library) = println(dependency)
    fun testRuntimeOnly(dependency: Library) = println(dependency)
}

@Dsl
class KotlinExtension {
    fun jvmToolchain(version: Int) = println(version)
}

@Dsl
class TestTask {
    fun useJUnitPlatform() = Unit
}

class Tasks {
    val test = TestTask()
}

operator fun TestTask.invoke(body: TestTask.() -> Unit) = body()

@Dsl
class DefaultConfig {
    var applicationId: String? = null
    var minSdk: Int? = null
    var targetSdk: Int? = null
    var versionCode: Int? = null
    var versionName: String? = null
    var testInstrumentationRunner: String? = null
    fun buildConfigField(type: String, name: String, value: String) = println("$type $name $value")
}

@Dsl
class BuildFeatures {
    var buildConfig: Boolean? = null
}

@Dsl
class AndroidResources {
    val noCompress: MutableCollection<String> = mutableListOf()
}

@Dsl
class JniLibs {
    var useLegacyPackaging: Boolean = false
}

@Dsl
class Packaging {
    fun jniLibs(body: JniLibs.() -> Unit) = JniLibs().body()
}

class SigningConfig(val name: String)

class NamedSigningConfigs {
    fun getByName(name: String) = SigningConfig(name)
}

// Not @Dsl: a container of Gradle's can be asked for another of its elements inside one.
class BuildType(val name: String) {
    var isDebuggable: Boolean = false
    var signingConfig: SigningConfig? = null
    val matchingFallbacks: MutableList<String> = mutableListOf()
    fun initWith(other: BuildType): BuildType = other
}

class BuildTypes {
    fun create(name: String, body: BuildType.() -> Unit) = BuildType(name).body()
    fun getByName(name: String) = BuildType(name)
}

@Dsl
class ApplicationExtension {
    val signingConfigs = NamedSigningConfigs()
    fun buildTypes(body: BuildTypes.() -> Unit) = BuildTypes().body()
    var testBuildType: String? = null
    var namespace: String? = null
    var compileSdk: Int? = null
    fun defaultConfig(body: DefaultConfig.() -> Unit) = DefaultConfig().body()
    fun buildFeatures(body: BuildFeatures.() -> Unit) = BuildFeatures().body()
    fun androidResources(body: AndroidResources.() -> Unit) = AndroidResources().body()
    fun packaging(body: Packaging.() -> Unit) = Packaging().body()
}

@Dsl
class Project {
    val tasks = Tasks()
    fun plugins(body: Plugins.() -> Unit) = Plugins().body()
    fun dependencies(body: Dependencies.() -> Unit) = Dependencies().body()
    fun kotlin(body: KotlinExtension.() -> Unit) = KotlinExtension().body()
    fun android(body: ApplicationExtension.() -> Unit) = ApplicationExtension().body()
}
