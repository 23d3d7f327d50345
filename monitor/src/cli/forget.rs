//! `sortie forget`: removes what is remembered, from the agent and from the disk.

use std::io;

use serde::Deserialize;

use super::{args, client};
use crate::config::Config;
use crate::failure::Failure;

/// What the agent answers.
#[derive(Deserialize)]
struct Answer {
    forgotten: Option<u64>,
    error: Option<String>,
}

/// Makes the agent forget, and says how much it forgot.
///
/// # Errors
///
/// Those of [`client::ask`], a right that is missing, and a disk that cannot be written.
pub fn run(config: &Config, args: &args::Forget) -> Result<(), Failure> {
    let question = match args {
        args::Forget::App(name) => format!("forget app {name}\n"),
        args::Forget::Device(name) => format!("forget device {name}\n"),
        args::Forget::Destination(name) => format!("forget destination {name}\n"),
        args::Forget::All => "forget all\n".to_owned(),
    };
    let answer = client::ask(config, question.as_bytes())?;
    let unreadable = |error| {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        Failure::io("cannot read the agent's answer", error)
    };
    let answer: Answer = serde_json::from_slice(&answer).map_err(unreadable)?;
    match (answer.forgotten, answer.error) {
        (Some(gone), _) => super::print(&format!("forgotten: {gone}\n")),
        (None, error) => Err(Failure::Privileges {
            what: error.unwrap_or_else(|| "the agent forgot nothing".to_owned()),
            remedy: "use sudo, and see what the agent says on its standard error".to_owned(),
        }),
    }
}
