import Foundation

extension Raster {
    /// A PNG as slide_mobile writes its golden images: 8-bit grey, RGB or either with alpha, not
    /// interlaced. Anything else throws `NotUsable`.
    public init(png data: Data) throws {
        let bytes = Array(data)
        guard bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) else {
            throw NotUsable("the image is not a PNG")
        }
        var header: [UInt8] = []
        var compressed = Data()
        var position = 8
        while position + 12 <= bytes.count {
            let length = Self.bigEndian(bytes, position)
            let name = String(decoding: bytes[position + 4..<position + 8], as: UTF8.self)
            let start = position + 8
            guard length >= 0, start + length + 4 <= bytes.count else { break }
            if name == "IHDR" { header = Array(bytes[start..<start + length]) }
            if name == "IDAT" { compressed.append(contentsOf: bytes[start..<start + length]) }
            position = start + length + 4
            if name == "IEND" { break }
        }
        let channels = [0: 1, 2: 3, 4: 2, 6: 4]
        guard header.count == 13, header[8] == 8, header[12] == 0,
            let channel = channels[Int(header[9])]
        else { throw NotUsable("the image is not an 8-bit PNG without interlacing") }
        let (width, height) = (Self.bigEndian(header, 0), Self.bigEndian(header, 4))
        guard (1...1 << 14).contains(width), (1...1 << 14).contains(height) else {
            throw NotUsable("the image is damaged: \(width) x \(height) pixels")
        }
        var rows = try inflated(zlib: compressed, expecting: height * (width * channel + 1))
        try Self.unfilter(&rows, rowBytes: width * channel, pixelBytes: channel)
        var rgb: [UInt8] = []
        rgb.reserveCapacity(width * height * 3)
        for y in 0..<height {
            for x in 0..<width {
                let at = y * (width * channel + 1) + 1 + x * channel
                let grey = channel < 3
                rgb += [rows[at], rows[grey ? at : at + 1], rows[grey ? at : at + 2]]
            }
        }
        self.init(width: width, height: height, rgb: rgb)
    }

    private static func bigEndian(_ bytes: [UInt8], _ at: Int) -> Int {
        bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
    }

    /// In place; every row starts with its filter's number (PNG specification, section 9).
    private static func unfilter(_ rows: inout [UInt8], rowBytes: Int, pixelBytes: Int) throws {
        let step = rowBytes + 1
        for start in stride(from: 0, to: rows.count, by: step) {
            let filter = rows[start]
            guard filter <= 4 else { throw NotUsable("the image is damaged: unknown filter") }
            for i in 1...rowBytes {
                let at = start + i
                let left = i > pixelBytes ? Int(rows[at - pixelBytes]) : 0
                let above = start > 0 ? Int(rows[at - step]) : 0
                let corner = i > pixelBytes && start > 0 ? Int(rows[at - step - pixelBytes]) : 0
                let predicted: Int
                switch filter {
                case 1: predicted = left
                case 2: predicted = above
                case 3: predicted = (left + above) / 2
                case 4: predicted = paeth(left, above, corner)
                default: predicted = 0
                }
                rows[at] = rows[at] &+ UInt8(predicted)
            }
        }
    }

    private static func paeth(_ left: Int, _ above: Int, _ corner: Int) -> Int {
        let guess = left + above - corner
        let (a, b, c) = (abs(guess - left), abs(guess - above), abs(guess - corner))
        return a <= b && a <= c ? left : b <= c ? above : corner
    }
}
