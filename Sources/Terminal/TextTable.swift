/// Rows in aligned columns, for terminals.
package enum TextTable {
    /// Columns are as wide as their widest cell, two spaces apart; the last one isn't padded. A cell is data: it stays on
    /// its line.
    ///
    /// - Parameter paint: how a cell's text is shown, without a change of its width.
    package static func write(
        _ rows: [[String]], paint: (_ row: Int, _ column: Int, _ text: TerminalText) -> TerminalText = { $2 }
    ) -> TerminalText {
        let rows = rows.map { $0.map { "\($0)" as TerminalText } }
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { $0.count > column ? $0[column].text.count : 0 }.max() ?? 0
        }
        return rows.enumerated().map { number, row in
            let cells = row.enumerated().map { column, cell in
                let padding = column == row.count - 1 ? 0 : widths[column] - cell.text.count
                return paint(number, column, cell) + .blanks(padding)
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }
}
