//! `sortie`: parses the command line, does what it says, and ends with one line and one code.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use monitor::cli::args::{Args, Command};
use monitor::cli::{self, app, apps, args, check, findings, forget, help, top};
use monitor::failure::Failure;
use monitor::kernel::loader;
use monitor::{config, daemon};

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    if env::args_os().nth(1).is_some_and(|word| word == loader::CHILD_ARGUMENT) {
        let order = words.nth(1).unwrap_or_default();
        return match loader::child(&order.to_string_lossy()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    match args::parse(words).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // With standard error gone, the code still tells.
            let _ = writeln!(io::stderr(), "sortie: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(args: Args) -> Result<(), Failure> {
    let load = || config::load(args.config.as_deref());
    match args.command {
        Command::Run(options) => {
            let file = config::file(args.config.as_deref());
            daemon::run(&load()?, file, options.ebpf_object)
        }
        Command::Check(options) => check::run(&load()?, options),
        Command::Top(options) => top::run(&load()?, options),
        Command::Apps(options) => apps::run(&load()?, options),
        Command::App(options) => app::run(&load()?, &options),
        Command::Findings(options) => findings::run(&load()?, options),
        Command::Forget(options) => forget::run(&load()?, &options),
        Command::Help(topic) => cli::print(&help::text(topic)),
        Command::Version => cli::print(help::VERSION),
    }
}
