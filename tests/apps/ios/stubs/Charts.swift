// The part of Swift Charts that the app uses.
import SwiftUI

public protocol ChartContent {}

public struct PlottableValue<Value> {
    public static func value(_ label: String, _ value: Value) -> PlottableValue<Value> {
        fatalError()
    }
}

public struct LineMark: ChartContent {
    public init<X, Y>(x: PlottableValue<X>, y: PlottableValue<Y>) {}
}

@resultBuilder public enum ChartContentBuilder {
    public static func buildBlock<C: ChartContent>(_ content: C) -> C { content }
}

public struct Chart<Content: ChartContent>: View {
    public init<Data: RandomAccessCollection>(
        _ data: Data, @ChartContentBuilder content: @escaping (Data.Element) -> Content
    ) where Data.Element: Identifiable {}
    public init<Data: RandomAccessCollection, ID: Hashable>(
        _ data: Data, id: KeyPath<Data.Element, ID>,
        @ChartContentBuilder content: @escaping (Data.Element) -> Content
    ) {}
    public var body: Never { fatalError() }
}

extension View {
    public func chartXAxisLabel(_ label: String) -> some View { self }
    public func chartYAxisLabel(_ label: String) -> some View { self }
}
