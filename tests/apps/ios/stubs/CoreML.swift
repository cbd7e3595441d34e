// The part of Core ML that the app uses. Names are compared with SDK-derived declarations
// (test_stubs.py); of MLComputePlan, which Swift alone has, the Objective-C twins are.
@_exported import CoreVideo

public enum MLComputeUnits: Int, Sendable { case cpuOnly, cpuAndGPU, all, cpuAndNeuralEngine }

public class MLModelConfiguration: NSObject {
    public override init() {}
    public var computeUnits: MLComputeUnits {
        get { fatalError() }
        set {}
    }
}

public enum MLFeatureType: Int, Sendable {
    case invalid, int64, double, string, image, multiArray, dictionary, sequence, state
}

public class MLFeatureDescription: NSObject {
    public var type: MLFeatureType { fatalError() }
}

public class MLModelDescription: NSObject {
    public var inputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
}

public enum MLMultiArrayDataType: Int, Sendable { case double, float32, float16, int32, int8 }

public class MLMultiArray: NSObject {
    public init(shape: [NSNumber], dataType: MLMultiArrayDataType) throws {}
    public var count: Int { fatalError() }
    public var dataType: MLMultiArrayDataType { fatalError() }
    public var dataPointer: UnsafeMutableRawPointer { fatalError() }
}

public class MLFeatureValue: NSObject {
    public init(pixelBuffer: CVPixelBuffer) {}
    public var multiArrayValue: MLMultiArray? { fatalError() }
}

public protocol MLFeatureProvider {
    func featureValue(for featureName: String) -> MLFeatureValue?
}

public class MLDictionaryFeatureProvider: NSObject, MLFeatureProvider {
    public init(dictionary: [String: Any]) throws {}
    public func featureValue(for featureName: String) -> MLFeatureValue? { fatalError() }
}

public class MLPredictionOptions: NSObject {
    public override init() {}
    public var outputBackings: [String: Any] {
        get { fatalError() }
        set {}
    }
}

public class MLModel: NSObject {
    public init(contentsOf url: URL, configuration: MLModelConfiguration) throws {}
    public class func compileModel(at url: URL) async throws -> URL { fatalError() }
    public var modelDescription: MLModelDescription { fatalError() }
    public func prediction(
        from input: any MLFeatureProvider, options: MLPredictionOptions
    ) throws -> any MLFeatureProvider { fatalError() }
}

public class MLCPUComputeDevice: NSObject {}
public class MLGPUComputeDevice: NSObject {}
public class MLNeuralEngineComputeDevice: NSObject {}

public enum MLComputeDevice {
    case cpu(MLCPUComputeDevice)
    case gpu(MLGPUComputeDevice)
    case neuralEngine(MLNeuralEngineComputeDevice)
}

public enum MLModelStructure {
    case program(Program)
    case unsupported

    public struct Program {
        public let functions: [String: Function]
        public struct Function { public let block: Block }
        public struct Block { public let operations: [Operation] }
        public struct Operation {}
    }
}

public class MLComputePlan {
    public struct DeviceUsage {
        public let supported: [MLComputeDevice]
        public let preferred: MLComputeDevice
    }
    public class func load(
        contentsOf url: URL, configuration: MLModelConfiguration
    ) async throws -> MLComputePlan { fatalError() }
    public var modelStructure: MLModelStructure { fatalError() }
    public func deviceUsage(for operation: MLModelStructure.Program.Operation) -> DeviceUsage? {
        fatalError()
    }
}
