//! The interpreters, and the options they take.

/// How the command line of an interpreter is read. Options are written as they are typed; where
/// `joins` is set, letters after one `-` may be joined (`-Ic`), and a value may follow its letter at
/// once (`-Wignore`).
pub(super) struct Interpreter {
    /// Names of the program; a version may follow (`python3.11`).
    pub(super) names: &'static [&'static str],
    pub(super) joins: bool,
    /// Options whose value is the next argument.
    pub(super) valued: &'static [&'static str],
    /// Letters that take all that is joined to them as their value, if anything.
    pub(super) attached: &'static str,
    /// Options followed by program text: there is no script.
    pub(super) inline: &'static [&'static str],
    /// Options followed by the file to run.
    pub(super) file: &'static [&'static str],
    /// Options followed by the module to run.
    pub(super) module: &'static [&'static str],
    pub(super) operand: Operand,
}

/// What the first argument that is no option is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand {
    /// A script.
    Script,
    /// A script; a lone `-` ends the options, and options may start with `+`.
    ShellScript,
    /// A class, or a source file.
    JavaClass,
    /// The directory or archive of an Electron app.
    ElectronApp,
    /// An assembly: `x.dll` or `x.exe`.
    Assembly,
}

/// No options at all.
const NONE: Interpreter = Interpreter {
    names: &[],
    joins: false,
    valued: &[],
    attached: "",
    inline: &[],
    file: &[],
    module: &[],
    operand: Operand::Script,
};

/// The interpreters, as of their manuals.
const INTERPRETERS: [Interpreter; 12] = [
    Interpreter {
        names: &["python", "pypy", "micropython"],
        joins: true,
        valued: &["-W", "-X", "--check-hash-based-pycs"],
        inline: &["-c"],
        module: &["-m"],
        ..NONE
    },
    Interpreter {
        names: &["perl"],
        joins: true,
        valued: &["-I"],
        attached: "CDFMVdimx",
        inline: &["-e", "-E"],
        ..NONE
    },
    Interpreter {
        names: &["ruby"],
        joins: true,
        valued: &["-I", "-r", "-E", "-C", "-X", "--encoding", "--enable", "--disable"],
        attached: "FKTWix",
        inline: &["-e"],
        ..NONE
    },
    Interpreter {
        names: &["node", "nodejs"],
        valued: &[
            "-r",
            "--require",
            "--import",
            "--loader",
            "--experimental-loader",
            "-C",
            "--conditions",
            "--input-type",
            "--title",
            "--icu-data-dir",
            "--openssl-config",
            "--disable-warning",
            "--env-file",
        ],
        inline: &["-e", "--eval", "-p", "--print", "-pe", "-i", "--interactive", "--run"],
        ..NONE
    },
    Interpreter {
        // A script may still follow the statements of `-e`.
        names: &["lua", "luajit", "texlua"],
        joins: true,
        valued: &["-e", "-l", "-j"],
        attached: "Ob",
        ..NONE
    },
    Interpreter {
        names: &["ucode"],
        joins: true,
        valued: &["-D", "-F", "-U", "-l", "-L", "-o"],
        attached: "cT",
        inline: &["-e", "-p"],
        ..NONE
    },
    Interpreter {
        names: &["php", "php-cgi", "php-cli"],
        joins: true,
        valued: &["-c", "-d", "-z", "-t", "-g", "--php-ini", "--define", "--docroot"],
        inline: &["-r", "-R", "-B", "-E", "-S", "-a", "--run", "--server", "--interactive"],
        file: &["-f", "-F", "--file", "--process-file"],
        ..NONE
    },
    Interpreter {
        names: &["gjs", "gjs-console"],
        valued: &["-I", "--include-path", "-C", "--coverage-prefix", "--coverage-output"],
        inline: &["-c", "--command"],
        ..NONE
    },
    Interpreter {
        names: &["sh", "bash", "dash", "ash", "hush", "zsh", "ksh", "mksh", "fish"],
        joins: true,
        valued: &["-o", "+o", "-O", "+O", "--rcfile", "--init-file"],
        inline: &["-c", "-s", "--command"],
        operand: Operand::ShellScript,
        ..NONE
    },
    Interpreter {
        names: &["java"],
        valued: &[
            "-cp",
            "-classpath",
            "--class-path",
            "-p",
            "--module-path",
            "--upgrade-module-path",
            "--add-modules",
            "--add-exports",
            "--add-opens",
            "--add-reads",
            "--limit-modules",
            "--patch-module",
            "--enable-native-access",
            "--source",
        ],
        file: &["-jar"],
        module: &["-m", "--module"],
        operand: Operand::JavaClass,
        ..NONE
    },
    Interpreter {
        names: &["electron"],
        valued: &["-r", "--require"],
        inline: &["-e", "--eval", "-i", "--interactive"],
        operand: Operand::ElectronApp,
        ..NONE
    },
    Interpreter {
        names: &["mono", "mono-sgen", "dotnet"],
        valued: &[
            "--config",
            "--runtimeconfig",
            "--depsfile",
            "--additionalprobingpath",
            "--additional-deps",
            "--fx-version",
            "--roll-forward",
        ],
        operand: Operand::Assembly,
        ..NONE
    },
];

/// The interpreter of this name, if it is one.
pub(super) fn find(name: &str) -> Option<&'static Interpreter> {
    let is_version =
        |rest: &str| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    INTERPRETERS.iter().find(|interpreter| {
        interpreter.names.iter().any(|known| name.strip_prefix(known).is_some_and(is_version))
    })
}
