//! The terminal while a live table is on it.

use std::io;

use rustix::termios::{
    LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr,
};

use crate::failure::Failure;

/// Second screen, no cursor, no wrapping: a line too long by a misjudged character is cut instead.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// A terminal that shows a live table. Dropping it gives the terminal back as it was.
pub(super) struct Screen {
    /// How the keyboard was set, where there is one.
    keyboard: Option<Termios>,
}

impl Screen {
    /// Takes the terminal: keys come one by one, and are not shown.
    pub(super) fn enter() -> Result<Self, Failure> {
        let stdin = io::stdin();
        let keyboard = if isatty(&stdin) { tcgetattr(&stdin).ok() } else { None };
        let screen = Self { keyboard };
        if let Some(before) = &screen.keyboard {
            let mut raw = before.clone();
            // Ctrl-C becomes a key as well, so that there is one way out.
            raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
            tcsetattr(&stdin, OptionalActions::Now, &raw)
                .map_err(|error| Failure::io("cannot set up the terminal", error.into()))?;
        }
        super::print(ENTER)?;
        Ok(screen)
    }

    /// Replaces what is shown, without a moment of emptiness.
    #[expect(clippy::unused_self, reason = "drawing without having entered would spoil a terminal")]
    pub(super) fn draw(&self, lines: &[String]) -> Result<(), Failure> {
        // A line is emptied before it is written: after a line as wide as the terminal the cursor
        // stands on its last character, and would erase that.
        let mut frame = format!("\x1b[H\x1b[K{}", lines.join("\r\n\x1b[K"));
        if size().is_some_and(|(_, height)| lines.len() < height) {
            frame.push_str("\r\n\x1b[J");
        }
        super::print(&frame)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // On the way out there is nobody left to tell of a failure.
        let _ = super::print(LEAVE);
        if let Some(before) = &self.keyboard {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Columns and lines of the terminal at standard output, if there is one that knows.
pub(super) fn size() -> Option<(usize, usize)> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}
