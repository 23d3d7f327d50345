//! Which columns a terminal has room for, how wide they are, and how a line is put together.

use std::iter;

use crate::export::text;

/// Columns of the terminal between two columns of the table.
pub(super) const GAP: usize = 2;

/// The widest the names of apps make their column.
const APP_COLUMNS_MAX: usize = 36;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    App,
    Sent,
    Received,
    SentNow,
    ReceivedNow,
    Connections,
    Failed,
    Last,
    Destinations,
}

impl Column {
    /// From left to right.
    const ALL: [Self; 9] = [
        Self::App,
        Self::Sent,
        Self::Received,
        Self::SentNow,
        Self::ReceivedNow,
        Self::Connections,
        Self::Failed,
        Self::Last,
        Self::Destinations,
    ];

    /// The order in which columns get room: the last ones are missing on a narrow terminal.
    const BY_WEIGHT: [Self; 9] = [
        Self::App,
        Self::Sent,
        Self::Received,
        Self::SentNow,
        Self::Last,
        Self::Connections,
        Self::Destinations,
        Self::ReceivedNow,
        Self::Failed,
    ];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::App => "APP",
            Self::Sent => "SENT",
            Self::Received => "RECEIVED",
            Self::SentNow => "↑/s",
            Self::ReceivedNow => "↓/s",
            Self::Connections => "CONN",
            Self::Failed => "FAILED",
            Self::Last => "LAST",
            Self::Destinations => "TOP DESTINATIONS",
        }
    }

    /// The columns it needs; the two of text take more where there are more.
    const fn columns(self) -> usize {
        match self {
            Self::App | Self::Destinations => 16,
            Self::Sent | Self::SentNow | Self::ReceivedNow => 7,
            Self::Received => 8,
            Self::Connections => 5,
            Self::Failed => 6,
            Self::Last => 4,
        }
    }

    const fn is_rate(self) -> bool {
        matches!(self, Self::SentNow | Self::ReceivedNow)
    }

    const fn is_text(self) -> bool {
        matches!(self, Self::App | Self::Destinations)
    }
}

/// A text and the columns it takes, which colours do not add to.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) columns: usize,
}

impl Cell {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { columns: text::columns(&text), text }
    }
}

/// The columns of a table and their widths.
pub(super) struct Layout(Vec<(Column, usize)>);

impl Layout {
    /// The layout for a terminal of this width, with or without rates, where the longest name of
    /// an app takes `longest` columns.
    pub(super) fn new(width: usize, rates: bool, longest: usize) -> Self {
        let mut free = (width + GAP).saturating_sub(Column::App.columns() + GAP);
        let mut chosen = vec![Column::App];
        let wanted = Column::BY_WEIGHT.into_iter().skip(1);
        for column in wanted.filter(|column| rates || !column.is_rate()) {
            match free.checked_sub(column.columns() + GAP) {
                Some(left) => free = left,
                None => break,
            }
            chosen.push(column);
        }
        let least = Column::App.columns().min(width);
        let app = longest.min(APP_COLUMNS_MAX).clamp(least, least + free);
        let destinations = Column::Destinations.columns() + free - (app - least);
        let layout = Column::ALL.into_iter().filter(|column| chosen.contains(column));
        let layout = layout.map(|column| match column {
            Column::App => (column, app),
            Column::Destinations => (column, destinations),
            _ => (column, column.columns()),
        });
        Self(layout.collect())
    }

    pub(super) fn columns(&self, wanted: Column) -> usize {
        self.0.iter().find(|(column, _)| *column == wanted).map_or(0, |&(_, columns)| columns)
    }

    pub(super) fn line(&self, cell: impl Fn(Column) -> Cell) -> String {
        let mut line = String::new();
        for (i, &(column, columns)) in self.0.iter().enumerate() {
            let cell = cell(column);
            let space = iter::repeat_n(' ', columns.saturating_sub(cell.columns));
            line.extend(iter::repeat_n(' ', if i == 0 { 0 } else { GAP }));
            if column.is_text() {
                line.push_str(&cell.text);
                line.extend(space);
            } else {
                line.extend(space);
                line.push_str(&cell.text);
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}
