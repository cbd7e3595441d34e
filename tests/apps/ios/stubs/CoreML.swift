// The part of Core ML that the app uses. MLComputePlan and MLModelStructure are enumerations and
// structures in Swift; their Objective-C twins are looked up.
@_exported import CoreVideo

// A part of the Objective-C runtime, which Foundation brings along on Apple's systems.
//: Swift
public func autoreleasepool<R>(invoking body: () throws -> R) rethrows -> R { try body() }

//: MLComputeUnits
public enum MLComputeUnits: Int, Sendable {
    //: MLComputeUnits.*
    case cpuOnly, cpuAndGPU, all, cpuAndNeuralEngine
}

//: MLModelConfiguration
public class MLModelConfiguration: NSObject {
    //: Swift
    public override init() {}
    //: MLModelConfiguration.computeUnits
    public var computeUnits: MLComputeUnits {
        get { fatalError() }
        set {}
    }
    //: MLModelConfiguration.allowLowPrecisionAccumulationOnGPU
    public var allowLowPrecisionAccumulationOnGPU: Bool {
        get { fatalError() }
        set {}
    }
}

//: MLFeatureType
public enum MLFeatureType: Int, Sendable {
    //: MLFeatureType.*
    case invalid, int64, double, string, image, multiArray, dictionary, sequence, state
}

//: MLFeatureDescription
public class MLFeatureDescription: NSObject {
    //: MLFeatureDescription.type
    public var type: MLFeatureType { fatalError() }
}

//: MLModelDescription
public class MLModelDescription: NSObject {
    //: MLModelDescription.inputDescriptionsByName
    public var inputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
}

//: MLMultiArrayDataType
public enum MLMultiArrayDataType: Int, Sendable {
    //: MLMultiArrayDataType.*
    case double, float32, float16, int32, int8
}

//: MLMultiArray
public class MLMultiArray: NSObject {
    //: MLMultiArray.initWithShapeDataTypeError
    public init(shape: [NSNumber], dataType: MLMultiArrayDataType) throws {}
    //: MLMultiArray.count
    public var count: Int { fatalError() }
    //: MLMultiArray.dataType
    public var dataType: MLMultiArrayDataType { fatalError() }
    //: MLMultiArray.dataPointer
    public var dataPointer: UnsafeMutableRawPointer { fatalError() }
}

//: MLFeatureValue
public class MLFeatureValue: NSObject {
    //: MLFeatureValue.featureValueWithPixelBuffer
    public init(pixelBuffer: CVPixelBuffer) {}
    //: MLFeatureValue.multiArrayValue
    public var multiArrayValue: MLMultiArray? { fatalError() }
}

//: MLFeatureProvider
public protocol MLFeatureProvider {
    //: MLFeatureProvider.featureValueForName
    func featureValue(for featureName: String) -> MLFeatureValue?
}

//: MLDictionaryFeatureProvider
public class MLDictionaryFeatureProvider: NSObject, MLFeatureProvider {
    //: MLDictionaryFeatureProvider.initWithDictionaryError
    public init(dictionary: [String: Any]) throws {}
    //: MLFeatureProvider.featureValueForName
    public func featureValue(for featureName: String) -> MLFeatureValue? { fatalError() }
}

//: MLPredictionOptions
public class MLPredictionOptions: NSObject {
    //: Swift
    public override init() {}
    //: MLPredictionOptions.outputBackings
    public var outputBackings: [String: Any] {
        get { fatalError() }
        set {}
    }
}

//: MLModel
public class MLModel: NSObject {
    //: MLModel.modelWithContentsOfURLConfigurationError
    public init(contentsOf url: URL, configuration: MLModelConfiguration) throws {}
    //: MLModel.compileModelAtURLCompletionHandler
    public class func compileModel(at url: URL) async throws -> URL { fatalError() }
    //: MLModel.modelDescription
    public var modelDescription: MLModelDescription { fatalError() }
    //: MLModel.predictionFromFeaturesOptionsError
    public func prediction(
        from input: any MLFeatureProvider, options: MLPredictionOptions
    ) throws -> any MLFeatureProvider { fatalError() }
}

//: MLCPUComputeDevice
public class MLCPUComputeDevice: NSObject {}
//: MLGPUComputeDevice
public class MLGPUComputeDevice: NSObject {}
//: MLNeuralEngineComputeDevice
public class MLNeuralEngineComputeDevice: NSObject {}

//: Swift
public enum MLComputeDevice {
    //: Swift
    case cpu(MLCPUComputeDevice)
    //: Swift
    case gpu(MLGPUComputeDevice)
    //: Swift
    case neuralEngine(MLNeuralEngineComputeDevice)
}

//: MLModelStructure
@available(iOS 17.4, *)
public enum MLModelStructure {
    //: MLModelStructure.program
    case program(Program)
    //: Swift
    case unsupported

    //: MLModelStructureProgram
    public struct Program {
        //: MLModelStructureProgram.functions
        public let functions: [String: Function]
        //: MLModelStructureProgramFunction
        public struct Function {
            //: MLModelStructureProgramFunction.block
            public let block: Block
        }
        //: MLModelStructureProgramBlock
        public struct Block {
            //: MLModelStructureProgramBlock.operations
            public let operations: [Operation]
        }
        //: MLModelStructureProgramOperation
        public struct Operation {}
    }
}

//: MLComputePlan
@available(iOS 17.4, *)
public class MLComputePlan {
    //: MLComputePlanDeviceUsage
    public struct DeviceUsage {
        //: MLComputePlanDeviceUsage.supportedComputeDevices
        public let supported: [MLComputeDevice]
        //: MLComputePlanDeviceUsage.preferredComputeDevice
        public let preferred: MLComputeDevice
    }
    //: MLComputePlan.loadContentsOfURLConfigurationCompletionHandler
    public class func load(
        contentsOf url: URL, configuration: MLModelConfiguration
    ) async throws -> MLComputePlan { fatalError() }
    //: MLComputePlan.modelStructure
    public var modelStructure: MLModelStructure { fatalError() }
    //: MLComputePlan.computeDeviceUsageForMLProgramOperation
    public func deviceUsage(
        for operation: MLModelStructure.Program.Operation
    ) -> DeviceUsage? { fatalError() }
    //: MLComputePlanCost
    public struct Cost {
        //: MLComputePlanCost.weight
        public let weight: Double
    }
    //: MLComputePlan.estimatedCostOfMLProgramOperation
    public func estimatedCost(of operation: MLModelStructure.Program.Operation) -> Cost? {
        fatalError()
    }
}
