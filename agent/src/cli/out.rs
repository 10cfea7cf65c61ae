//! What commands print: tables and lines for people, JSON for machines.

use std::fmt::Display;
use std::io::{self, Write};

use comfy_table::{Table, presets};
use serde::Serialize;

/// Standard output.
#[derive(Debug)]
pub(super) struct Out {
    is_json: bool,
}

impl Out {
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Whether machines read.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    /// A line.
    pub(super) fn line(&mut self, line: impl Display) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")?;
        stdout.flush()
    }

    /// A value as indented JSON.
    pub(super) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.line(text)
    }

    /// A list: as JSON, or as a table with a row for each.
    pub(super) fn list<T: Serialize, const N: usize>(
        &mut self,
        things: &[T],
        head: [&str; N],
        row: impl Fn(&T) -> [String; N],
    ) -> io::Result<()> {
        if self.is_json {
            return self.json(&things);
        }
        self.line(table(head, things.iter().map(row)))
    }

    /// A thing that was made or changed: as JSON, or in a line.
    pub(super) fn thing(&mut self, thing: &impl Serialize, line: impl Display) -> io::Result<()> {
        if self.is_json { self.json(thing) } else { self.line(line) }
    }
}

/// Columns without borders. Cells come from elsewhere: what could steer a terminal is shown as a space.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(head);
    for row in rows {
        table.add_row(row.map(|cell| plain(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The text with its line ends, and without other control characters.
pub(super) fn lines(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c }).collect()
}

/// The text without control characters.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_plain_columns() {
        let rows = [["1", "a\x1b[31m"], ["22", "b"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["ID", "NAME"], rows.into_iter()), "ID  NAME\n1   a [31m\n22  b");
        assert_eq!(table(["ID", "NAME"], std::iter::empty()), "ID  NAME");
    }
}
