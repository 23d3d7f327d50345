//! Interpreters: what matters is the script they run, not the program that runs it.

mod table;

use std::borrow::Cow;

use self::table::{Interpreter, Operand, find};
use super::program::{Program, base_name, file_id, is_standard};

/// What an interpreter runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject<'a> {
    File(&'a str),
    Module(&'a str),
}

/// Names of scripts that say nothing without their directory.
const COMMON_STEMS: [&str; 12] = [
    "__main__", "app", "bin", "cli", "daemon", "index", "launcher", "main", "manage", "run",
    "server", "start",
];

/// Whether this is the name of an interpreter.
pub(super) fn is_interpreter(name: &str) -> bool {
    find(name).is_some()
}

/// What the script is known by, if this program is an interpreter that runs one: its name where it
/// lies in a standard directory of programs, else its path as given, or only its last component
/// where that is relative. A module goes by its own name.
pub(super) fn script_id<'a>(program: &Program<'a>) -> Option<Cow<'a, str>> {
    let interpreter = find(program.name)?;
    match interpreter.subject(program.arguments)? {
        Subject::Module(module) => Some(Cow::Borrowed(module)),
        Subject::File(path) if path.starts_with('/') => {
            let name = base_name(path)?;
            let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
            let is_plain =
                program.is_standard && is_standard(path) && !COMMON_STEMS.contains(&stem);
            Some(file_id(path, name, is_plain))
        }
        Subject::File(path) => base_name(path).map(Cow::Borrowed),
    }
}

/// As [`script_id`], but only for a script that is given by its whole path.
pub(super) fn absolute_script_id<'a>(program: &Program<'a>) -> Option<Cow<'a, str>> {
    match find(program.name)?.subject(program.arguments)? {
        Subject::File(path) if path.starts_with('/') => script_id(program),
        _ => None,
    }
}

/// What an option means for the rest of the command line.
enum Meaning<'a> {
    /// Nothing follows.
    Flag,
    /// Its value follows.
    Value,
    /// No script follows.
    Inline,
    /// What to run follows, or is joined to it.
    File(Option<&'a str>),
    Module(Option<&'a str>),
}

impl Interpreter {
    fn subject<'a>(&self, arguments: &'a [String]) -> Option<Subject<'a>> {
        let mut rest = arguments.iter().map(String::as_str);
        let mut options = true;
        while let Some(argument) = rest.next() {
            if options && argument == "--" {
                options = false;
            } else if options && argument == "-" {
                if self.operand != Operand::ShellScript {
                    return None;
                }
                options = false;
            } else if options && self.is_option(argument) {
                match self.meaning(argument) {
                    Meaning::Flag => {}
                    Meaning::Value => {
                        rest.next();
                    }
                    Meaning::Inline => return None,
                    Meaning::File(joined) => {
                        return Some(Subject::File(joined.or_else(|| rest.next())?));
                    }
                    Meaning::Module(joined) => {
                        return Some(Subject::Module(joined.or_else(|| rest.next())?))
                            .filter(|subject| *subject != Subject::Module(""));
                    }
                }
            } else if !self.is_skipped(argument) {
                return self.operand(argument);
            }
        }
        None
    }

    fn is_option(&self, argument: &str) -> bool {
        argument.starts_with('-')
            || (self.operand == Operand::ShellScript && argument.starts_with('+'))
    }

    /// `java @file` names a file of more options, `dotnet exec x.dll` a command.
    fn is_skipped(&self, argument: &str) -> bool {
        match self.operand {
            Operand::JavaClass => argument.starts_with('@'),
            Operand::Assembly => argument == "exec",
            _ => false,
        }
    }

    fn meaning<'a>(&self, argument: &'a str) -> Meaning<'a> {
        let option = argument.split_once('=').map_or(argument, |(option, _)| option);
        if self.inline.contains(&option) {
            return Meaning::Inline;
        }
        if self.valued.contains(&argument) {
            return Meaning::Value;
        }
        if self.file.contains(&argument) {
            return Meaning::File(None);
        }
        if self.module.contains(&argument) {
            return Meaning::Module(None);
        }
        if self.joins && !argument.starts_with("--") {
            return self.joined_meaning(argument);
        }
        Meaning::Flag
    }

    fn joined_meaning<'a>(&self, argument: &'a str) -> Meaning<'a> {
        let (sign, letters) = argument.split_at(1);
        for (at, letter) in letters.char_indices() {
            let joined = &letters[at + letter.len_utf8()..];
            let is_in = |options: &[&str]| {
                options.iter().any(|option| {
                    option
                        .strip_prefix(sign)
                        .is_some_and(|rest| rest.strip_prefix(letter).is_some_and(str::is_empty))
                })
            };
            let joined = (!joined.is_empty()).then_some(joined);
            if is_in(self.inline) {
                return Meaning::Inline;
            }
            if is_in(self.file) {
                return Meaning::File(joined);
            }
            if is_in(self.module) {
                return Meaning::Module(joined);
            }
            if is_in(self.valued) {
                // A shell's `-o` takes the next argument even in the middle (`-oe pipefail`).
                let takes_next = joined.is_none() || self.operand == Operand::ShellScript;
                return if takes_next { Meaning::Value } else { Meaning::Flag };
            }
            if self.attached.contains(letter) {
                return Meaning::Flag;
            }
        }
        Meaning::Flag
    }

    fn operand<'a>(&self, argument: &'a str) -> Option<Subject<'a>> {
        if argument.is_empty() {
            return None;
        }
        let has_suffix = |suffixes: &[&str]| suffixes.iter().any(|end| argument.ends_with(end));
        match self.operand {
            Operand::Script | Operand::ShellScript => Some(Subject::File(argument)),
            Operand::JavaClass if has_suffix(&[".java"]) => Some(Subject::File(argument)),
            Operand::JavaClass => Some(Subject::Module(argument)),
            Operand::ElectronApp => {
                let path = argument.trim_end_matches('/');
                let path = ["/app.asar", "/app"]
                    .iter()
                    .find_map(|end| path.strip_suffix(end))
                    .unwrap_or(path);
                Some(Subject::File(path.strip_suffix("/resources").unwrap_or(path)))
            }
            Operand::Assembly => has_suffix(&[".dll", ".exe"]).then_some(Subject::File(argument)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exe: &str, words: &str, expected: Option<&str>) {
        let cmdline: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let program = Program::new(Some(exe), &cmdline);
        let found = program.and_then(|program| script_id(&program));
        assert_eq!(found.as_deref(), expected, "{words}");
    }

    #[test]
    fn names_of_interpreters() {
        let check =
            |name: &str, expected: bool| assert_eq!(is_interpreter(name), expected, "{name}");
        for name in [
            "python",
            "python3",
            "python3.11",
            "perl5.36.0",
            "nodejs",
            "lua5.4",
            "php8.2",
            "electron28",
            "bash",
            "java",
            "gjs-console",
            "pypy3",
            "dotnet",
        ] {
            check(name, true);
        }
        for name in ["pythonx", "php-fpm8.2", "javac", "shutdown", "nodemon", "electron-app", ""] {
            check(name, false);
        }
    }

    #[test]
    fn python() {
        let check = |words: &str, expected| check("/usr/bin/python3.11", words, expected);
        check("python3 x.py", Some("x.py"));
        check("python3 ./dir/x.py", Some("x.py"));
        check("python3 /opt/x.py --flag", Some("/opt/x.py"));
        check("python3 /usr/bin/gnome-music", Some("gnome-music"));
        check("python3 /usr/lib/foo/main.py", Some("/usr/lib/foo/main.py"));
        check("python3 /usr/lib/foo/foo.py", Some("foo.py"));
        check("python3 -W ignore -X dev x.py", Some("x.py"));
        check("python3 -Wignore -Xdev -u x.py", Some("x.py"));
        check("python3 -uW ignore x.py", Some("x.py"));
        check("python3 -m http.server 80", Some("http.server"));
        check("python3 -mhttp.server", Some("http.server"));
        check("python3 -Im http.server", Some("http.server"));
        check("python3 --check-hash-based-pycs never x.py", Some("x.py"));
        check("python3 -- -x.py", Some("-x.py"));
        check("python3 -c pass x.py", None);
        check("python3 -Ic pass", None);
        check("python3 -", None);
        check("python3 -m", None);
        check("python3 -m ", None);
        check("python3 -W", None);
        check("python3 ", None);
        check("python3 /", None);
        check("python3", None);
    }

    #[test]
    fn shells() {
        let check = |words: &str, expected| check("/usr/bin/bash", words, expected);
        check("sh x.sh", Some("x.sh"));
        check("bash -eu /home/a/x.sh", Some("/home/a/x.sh"));
        check("bash -o pipefail x.sh", Some("x.sh"));
        check("bash -euo pipefail x.sh", Some("x.sh"));
        check("bash -oe pipefail x.sh", Some("x.sh"));
        check("bash +o posix x.sh", Some("x.sh"));
        check("bash --rcfile f x.sh", Some("x.sh"));
        check("bash --norc -- x.sh", Some("x.sh"));
        check("bash - x.sh", Some("x.sh"));
        check("bash -ec true", None);
        check("bash -lc true", None);
        check("-bash", None);
        check("bash -s x", None);
    }

    #[test]
    fn multi_call_shells() {
        let check = |words: &str, expected| check("/bin/busybox", words, expected);
        check("sh /etc/rc.common", Some("/etc/rc.common"));
        check("/bin/sh /sbin/hotplug-call", Some("hotplug-call"));
        check("busybox sh x.sh", Some("x.sh"));
        check("busybox ash -c x", None);
        check("busybox wget x", None);
    }

    #[test]
    fn scripting_languages() {
        check("/usr/bin/perl", "perl -I lib -w x.pl", Some("x.pl"));
        check("/usr/bin/perl", "perl -Ilib -MFoo x.pl", Some("x.pl"));
        check("/usr/bin/perl", "perl -lne print x", None);
        check("/usr/bin/perl", "perl -i.bak -pe s/// x", None);
        check("/usr/bin/ruby", "ruby -r json -Ilib x.rb", Some("x.rb"));
        check("/usr/bin/ruby", "ruby -e 1", None);
        check("/usr/bin/node", "node -r dotenv --import=x x.js", Some("x.js"));
        check("/usr/bin/node", "node --require dotenv /srv/x.js", Some("/srv/x.js"));
        check("/usr/bin/node", "node --eval=1 x", None);
        check(
            "/usr/bin/node",
            "node --max-old-space-size=9 /usr/lib/x/index.js",
            Some("/usr/lib/x/index.js"),
        );
        check("/usr/bin/lua5.1", "lua -e a=1 -lfoo x.lua", Some("x.lua"));
        check("/usr/bin/lua5.1", "lua -e a=1", None);
        check("/usr/bin/ucode", "ucode -l fs -L /x x.uc", Some("x.uc"));
        check("/usr/bin/php8.2", "php -d a=b -c /etc x.php", Some("x.php"));
        check("/usr/bin/php8.2", "php -qf x.php", Some("x.php"));
        check("/usr/bin/php8.2", "php -S [::]:80", None);
        check("/usr/bin/gjs-console", "gjs -I /x /usr/bin/org.x.Y", Some("org.x.Y"));
        check("/usr/bin/gjs-console", "gjs -m /usr/share/org.x.Y/y", Some("/usr/share/org.x.Y/y"));
    }

    #[test]
    fn virtual_machines_and_electron() {
        let java = "/usr/lib/jvm/java-17/bin/java";
        check(java, "java -Xmx1g -cp a:b -jar /opt/x.jar y", Some("/opt/x.jar"));
        check(java, "java -jar /usr/lib/x/x.jar", Some("x.jar"));
        check(java, "java -cp a:b -Da=b com.x.Main y", Some("com.x.Main"));
        check(java, "java @args -p mods -m a.b/c.D", Some("a.b/c.D"));
        check(java, "java X.java", Some("X.java"));
        check(java, "java -version", None);
        let electron = "/usr/lib/electron28/electron";
        check(electron, "electron --no-sandbox /usr/lib/element/app.asar", Some("element"));
        check(electron, "electron /opt/Signal/resources/app.asar", Some("/opt/Signal"));
        check(electron, "electron /usr/share/x/", Some("/usr/share/x"));
        check(electron, "electron --type=utility --lang=en", None);
        check(electron, "electron .", None);
        check("/usr/bin/mono-sgen", "mono --debug /usr/lib/x/x.exe", Some("x.exe"));
        check("/usr/lib/dotnet/dotnet", "dotnet exec --depsfile d /srv/x.dll", Some("/srv/x.dll"));
        check("/usr/lib/dotnet/dotnet", "dotnet build", None);
    }

    #[test]
    fn an_interpreter_of_unknown_origin_gives_no_short_names() {
        check("/tmp/python3", "python3 /usr/bin/gnome-music", Some("/usr/bin/gnome-music"));
        check("/tmp/python3", "python3 x.py", Some("x.py"));
    }
}
