//! The commands, and what can be explained.

/// What to explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The commands, in as few lines as possible.
    Short,
    /// The program.
    Program,
    /// A command.
    Of(Verb),
    /// The keys of the configuration file.
    Config,
    /// The exit codes.
    ExitCodes,
}

/// The commands that do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `sortie run`
    Run,
    /// `sortie top`
    Top,
    /// `sortie apps`
    Apps,
    /// `sortie app`
    App,
    /// `sortie findings`
    Findings,
    /// `sortie forget`
    Forget,
    /// `sortie check`
    Check,
}

impl Verb {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 7] =
        [Self::Run, Self::Top, Self::Apps, Self::App, Self::Findings, Self::Forget, Self::Check];

    /// The word to type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Top => "top",
            Self::Apps => "apps",
            Self::App => "app",
            Self::Findings => "findings",
            Self::Forget => "forget",
            Self::Check => "check",
        }
    }
}
