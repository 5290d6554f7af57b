/// Rows in aligned columns, for terminals.
enum TextTable {
    /// Columns are as wide as their widest cell, two spaces apart; the last one isn't padded.
    ///
    /// - Parameter paint: how a cell's text is shown, without a change of its width.
    static func write(
        _ rows: [[String]], paint: (_ row: Int, _ column: Int, _ text: String) -> String = { $2 }
    ) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0 }
        return rows.enumerated().map { number, row in
            let cells = row.enumerated().map { column, cell in
                let padding = column == row.count - 1 ? 0 : widths[column] - cell.count
                return paint(number, column, cell) + String(repeating: " ", count: padding)
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }
}
