// The part of UIKit that the app uses, with what Foundation has on Apple's systems only.
@_exported import CoreGraphics
@_exported import Foundation

extension ProcessInfo {
    public enum ThermalState: Int, Sendable { case nominal, fair, serious, critical }
    public var thermalState: ThermalState { fatalError() }
}

@MainActor open class UIResponder: NSObject {}

@MainActor public final class UIDevice: NSObject {
    public class var current: UIDevice { fatalError() }
    public var systemName: String { fatalError() }
    public var systemVersion: String { fatalError() }
}

@MainActor public final class UIApplication: UIResponder {
    public class var shared: UIApplication { fatalError() }
    public var isIdleTimerDisabled: Bool {
        get { fatalError() }
        set {}
    }
}

public final class UIImage: NSObject, @unchecked Sendable {
    public enum Orientation: Int, Sendable {
        case up, down, left, right, upMirrored, downMirrored, leftMirrored, rightMirrored
    }
    public init?(data: Data) { fatalError() }
    public var cgImage: CGImage? { fatalError() }
    public var imageOrientation: Orientation { fatalError() }
}

@MainActor open class UIViewController: UIResponder {}
@MainActor open class UINavigationController: UIViewController {}
@MainActor public protocol UINavigationControllerDelegate: NSObjectProtocol {}

@MainActor public protocol UIImagePickerControllerDelegate: NSObjectProtocol {
    func imagePickerController(
        _ picker: UIImagePickerController,
        didFinishPickingMediaWithInfo info: [UIImagePickerController.InfoKey: Any])
    func imagePickerControllerDidCancel(_ picker: UIImagePickerController)
}

@MainActor open class UIImagePickerController: UINavigationController {
    public enum SourceType: Int, Sendable { case photoLibrary, camera, savedPhotosAlbum }
    public struct InfoKey: Hashable, RawRepresentable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public static let originalImage = InfoKey(
            rawValue: "UIImagePickerControllerOriginalImage")
    }
    public class func isSourceTypeAvailable(_ sourceType: SourceType) -> Bool { fatalError() }
    public var sourceType: SourceType {
        get { fatalError() }
        set {}
    }
    public weak var delegate: (any UIImagePickerControllerDelegate & UINavigationControllerDelegate)?
}
