// The part of UIKit that the app uses, with what Foundation has on Apple's systems only.
@_exported import CoreGraphics
@_exported import Foundation

extension ProcessInfo {
    //: NSProcessInfoThermalState
    public enum ThermalState: Int, Sendable {
        //: NSProcessInfoThermalState.*
        case nominal, fair, serious, critical
    }
    //: NSProcessInfo.thermalState
    public var thermalState: ThermalState { fatalError() }
    //: NSProcessInfo.lowPowerModeEnabled
    public var isLowPowerModeEnabled: Bool { fatalError() }
}

//: UIResponder
@MainActor open class UIResponder: NSObject {}

//: UIDevice
@MainActor public final class UIDevice: NSObject {
    //: UIDevice.currentDevice
    public class var current: UIDevice { fatalError() }
    //: UIDevice.systemName
    public var systemName: String { fatalError() }
    //: UIDevice.systemVersion
    public var systemVersion: String { fatalError() }
    //: UIDevice.batteryMonitoringEnabled
    public var isBatteryMonitoringEnabled: Bool {
        get { fatalError() }
        set {}
    }
    //: UIDevice.batteryLevel
    public var batteryLevel: Float { fatalError() }
    //: UIDevice.batteryState
    public var batteryState: BatteryState { fatalError() }
    //: UIDeviceBatteryState
    public enum BatteryState: Int {
        //: UIDeviceBatteryState
        case unknown, unplugged, charging, full
    }
}

//: UIApplication
@MainActor public final class UIApplication: UIResponder {
    //: UIApplication.sharedApplication
    public class var shared: UIApplication { fatalError() }
    //: UIApplication.idleTimerDisabled
    public var isIdleTimerDisabled: Bool {
        get { fatalError() }
        set {}
    }
    //: Swift
    public struct OpenExternalURLOptionsKey: Hashable, Sendable {}
    //: UIApplication.openURLOptionsCompletionHandler
    public func open(
        _ url: URL, options: [OpenExternalURLOptionsKey: Any] = [:],
        completionHandler completion: (@MainActor @Sendable (Bool) -> Void)? = nil
    ) {}
}

//: UIImage
public final class UIImage: NSObject, @unchecked Sendable {
    //: UIImageOrientation
    public enum Orientation: Int, Sendable {
        //: UIImageOrientation.*
        case up, down, left, right, upMirrored, downMirrored, leftMirrored, rightMirrored
    }
    //: UIImage.initWithData
    public init?(data: Data) { fatalError() }
    //: UIImage.CGImage
    public var cgImage: CGImage? { fatalError() }
    //: UIImage.imageOrientation
    public var imageOrientation: Orientation { fatalError() }
}

//: UIViewController
@MainActor open class UIViewController: UIResponder {}
//: UINavigationController
@MainActor open class UINavigationController: UIViewController {}
//: UINavigationControllerDelegate
@MainActor public protocol UINavigationControllerDelegate: NSObjectProtocol {}

//: UIImagePickerControllerDelegate
@MainActor public protocol UIImagePickerControllerDelegate: NSObjectProtocol {
    //: UIImagePickerControllerDelegate.imagePickerControllerDidFinishPickingMediaWithInfo
    func imagePickerController(
        _ picker: UIImagePickerController,
        didFinishPickingMediaWithInfo info: [UIImagePickerController.InfoKey: Any])
    //: UIImagePickerControllerDelegate.imagePickerControllerDidCancel
    func imagePickerControllerDidCancel(_ picker: UIImagePickerController)
}

//: UIImagePickerController
@MainActor open class UIImagePickerController: UINavigationController {
    //: UIImagePickerControllerSourceType
    public enum SourceType: Int, Sendable {
        //: UIImagePickerControllerSourceType.*
        case photoLibrary, camera, savedPhotosAlbum
    }
    //: Swift
    public struct InfoKey: Hashable, RawRepresentable, Sendable {
        //: Swift
        public let rawValue: String
        //: Swift
        public init(rawValue: String) { self.rawValue = rawValue }
        //: UIImagePickerControllerOriginalImage
        public static let originalImage = InfoKey(rawValue: "UIImagePickerControllerOriginalImage")
    }
    //: UIImagePickerController.isSourceTypeAvailable
    public class func isSourceTypeAvailable(_ sourceType: SourceType) -> Bool { fatalError() }
    //: UIImagePickerController.sourceType
    public var sourceType: SourceType {
        get { fatalError() }
        set {}
    }
    //: UIImagePickerController.delegate
    public weak var delegate:
        (any UIImagePickerControllerDelegate & UINavigationControllerDelegate)?
}
