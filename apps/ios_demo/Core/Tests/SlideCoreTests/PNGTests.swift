import Foundation
import Testing

@testable import SlideCore

struct PNGTests {
    /// 7 x 5 pixels that Pillow wrote with every filter and kind of block, and their sha256 as RGB.
    static let images: [(String, String, String)] = [
        (
            "saved by Pillow",
            "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGPAAAAYElEQVR4nGO8ubgpZ3XHuW1KfK7+3Nzcfb6sV/32MBn0PZTvbf66v4+Tk3PDRpa24/x3Kw6wcHJyuq+WuCvO+YmTMymRm5uT8wX3chZOTs7qE7e5uZ9xc3NzwgATJzYAADTIHOO5in9/AAAAAElFTkSuQmCC",
            "106de91a220d2f881d7aee3ece17c6147e3b697992f23c98ca70525e76c65e11"
        ),
        (
            "every filter",
            "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGPAAAAFElEQVR42mO4ubjJ1Y9LmEVH0bNaJ6Rt148Ltj4AAABGSURBVMLu/vfujJyGydGrtJa80FXqP7VpM1tKsoDO/1wmTk5O99USlreANGdSIh+QfCG6nFlIzf7wq8//nrziQgIsnNgAAN/hHV0iBXnPAAAAAElFTkSuQmCC",
            "106de91a220d2f881d7aee3ece17c6147e3b697992f23c98ca70525e76c65e11"
        ),
        (
            "stored blocks",
            "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGPAAAAFElEQVR4AQFuAJH/BNmjgmyriM62Ig5FT9Ug5wcAAABlSURBVAsLC45NBdVOvAOd4CI9nFfNVF4WzOqxsgV1FRAFvJcCCQkJR6sYOdoJCQkJYmEOCQkJ6BWnARtDdQsLCwsLCwsLCwsLCwsLCwsLCwAkTH4vV4k6YpRFbZ9QeKpbg7VmjsDtiyIAGkY/tgAAAABJRU5ErkJggg==",
            "106de91a220d2f881d7aee3ece17c6147e3b697992f23c98ca70525e76c65e11"
        ),
        (
            "fixed codes",
            "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGPAAAAFElEQVR4AWO8ubgpZ3XHuW1KfK7+3NzcfVd3A0IAAABJSURBVL6sV/32sBj0PYxe1Xy4VFe8/9SGjSwpIvw6xw4wcXJyuq+WsLwFpDmTEvmA5AvR5cxCavaHX33+9+QVFxJgFtd24cIAAGCtHu5tBIFAAAAAAElFTkSuQmCC",
            "106de91a220d2f881d7aee3ece17c6147e3b697992f23c98ca70525e76c65e11"
        ),
        (
            "run lengths",
            "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGPAAAAD0lEQVR42mM4gQ0w0EgUAKElUgmedvqmAAAAAElEQVQ1rwYeAAAAAElFTkSuQmCC",
            "92da126e7cd412769d1e4f0c81331ed7fd13ce09a4b6ce47ccbe3daa95fcb9c8"
        ),
        (
            "dynamic codes",
            "iVBORw0KGgoAAAANSUhEUgAAADAAAAAICAIAAAAwSesQAAAAFElEQVR42mNhYGBgHUyAhXmQgVEHjTpo1MULjwYAAAAISURBVEG0BgBxuw6yqHg+fAAAAABJRU5ErkJggg==",
            "8d3b4441af8e0002b2391b980a562287c4fa2e14f53113a1ffcb5284b8feb4be"
        ),
        (
            "grey",
            "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAAAAACs8akEAAAALElEQVR4nGO8mXOOj7vvKpOB/FfODW13WTjd735K4n7BKM3Nzc3Nzc3ECQEAJqQLCtbQrcAAAAAASUVORK5CYII=",
            "e99d6b74ca13402b0b40e251b876050d780317a592ee83ff922363db717efc47"
        ),
        (
            "with alpha",
            "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAYAAACJmvbYAAAAmElEQVR4nGO8ubjpZs7qjpxz25TO8bn67+Xm5t7Q58tqddVvz1Umg76H3+V7m+W/7u/7ysnJybFhI0tM23H+qLsVB+6ycHJyGrqvllh1V5zz7idOzq6kRO4cbk7O2S+4l2uwcHJyJlWfuP2Sm/uZKzc39zNOTk5RTk7OXZycnI+ZODk5Qzk5OQ9xcnKeg2JNTk5OX05Ozv0AcdYwmXGhLzcAAAAASUVORK5CYII=",
            "106de91a220d2f881d7aee3ece17c6147e3b697992f23c98ca70525e76c65e11"
        ),
    ]

    @Test(arguments: PNGTests.images)
    func pixelsArePillows(name: String, png: String, digest: String) throws {
        let image = try Raster(png: #require(Data(base64Encoded: png)))
        #expect(sha256(Data(image.rgb)) == digest, "\(name)")
    }

    @Test func damageIsRefusedAndDoesNotCrash() throws {
        let whole = ArtifactFolder.png
        #expect(try Raster(png: whole).rgb == [0, 0, 0, 0, 0, 255, 0, 255, 0, 255, 255, 255])
        for length in 0..<whole.count - 12 {
            #expect(throws: NotUsable.self) { try Raster(png: whole.prefix(length)) }
        }
        for position in whole.indices {
            var damaged = whole
            damaged[position] ^= 0x10
            _ = try? Raster(png: damaged)  // any answer but a crash
        }
        #expect(throws: NotUsable.self) { try Raster(png: Data("GIF89a".utf8)) }
    }
}
