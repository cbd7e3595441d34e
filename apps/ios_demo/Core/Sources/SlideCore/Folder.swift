import Foundation

/// The bytes of all files in a folder; nil if it is none.
public func folderBytes(_ folder: URL) -> Int? {
    guard let files = FileManager.default.enumerator(atPath: folder.path) else { return nil }
    var total = 0
    for case let path as String in files {
        let file = folder.appendingPathComponent(path).path
        let attributes = try? FileManager.default.attributesOfItem(atPath: file)
        guard attributes?[.type] as? FileAttributeType == .typeRegular else { continue }
        total += (attributes?[.size] as? NSNumber)?.intValue ?? 0
    }
    return total
}
