//! Desktop files: what people call an app, and which program is whose.
//!
//! Keys and quoting are those of the Desktop Entry Specification. Of two files with one id the first
//! counts, and system-wide files are listed first, so that no user's file takes over the name of an
//! installed app.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

use super::interpreter;
use super::program::{self, Program};
use super::text;
use crate::kernel::applications::{DesktopFile, Origin};

/// Most apps in the index.
pub const MAX_APPS: usize = 4096;
/// Most arguments of an `Exec` that are looked at.
const MAX_ARGUMENTS: usize = 32;

/// The installed desktop apps, by id and by the program they run.
#[derive(Clone, Debug, Default)]
pub struct DesktopIndex {
    apps: BTreeMap<Arc<str>, DesktopApp>,
    programs: BTreeMap<Box<str>, Claim>,
    dropped: usize,
}

/// What is shown of a desktop app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesktopApp {
    /// `Name`, untranslated; at most 128 bytes.
    pub name: Option<Arc<str>>,
    /// `Icon`, a name or a path; at most 256 bytes.
    pub icon: Option<Arc<str>>,
}

/// An app's claim to be what a program is. Lower ranks win, earlier ones among equals.
#[derive(Clone, Debug)]
struct Claim {
    rank: u8,
    id: Arc<str>,
}

/// The keys of a desktop file that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Keys {
    name: Option<String>,
    icon: Option<String>,
    exec: Option<String>,
    is_displayed: bool,
}

impl DesktopIndex {
    /// Adds a desktop file. Ignored are files that hold no application or are marked as removed,
    /// those whose id is taken, and those past [`MAX_APPS`].
    pub fn insert(&mut self, file: &DesktopFile) {
        let Some(keys) = parse(&file.text).filter(|_| !file.id.is_empty()) else {
            return;
        };
        if self.apps.len() >= MAX_APPS {
            self.dropped += 1;
            return;
        }
        let id: Arc<str> = file.id.as_str().into();
        let Entry::Vacant(entry) = self.apps.entry(Arc::clone(&id)) else {
            return;
        };
        entry.insert(DesktopApp {
            name: keys.name.as_deref().and_then(text::name).map(Into::into),
            icon: keys.icon.as_deref().and_then(text::icon).map(Into::into),
        });
        if let Some(exec) = keys.exec.filter(|_| keys.is_displayed)
            && let Some((program, rank)) = claim(&id, &exec, file.origin)
        {
            let claim = Claim { rank, id };
            match self.programs.entry(program.into()) {
                Entry::Vacant(entry) => {
                    entry.insert(claim);
                }
                Entry::Occupied(mut entry) if claim.rank < entry.get().rank => {
                    entry.insert(claim);
                }
                Entry::Occupied(_) => {}
            }
        }
    }

    /// The app whose desktop file has this id (without `.desktop`).
    pub fn app(&self, id: &str) -> Option<&DesktopApp> {
        self.apps.get(id)
    }

    /// The app of a click, `package_app`: its desktop file is named `package_app_version`.
    pub fn click(&self, id: &str) -> Option<&DesktopApp> {
        let prefix = format!("{id}_");
        let (found, app) = self
            .apps
            .range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded))
            .next()?;
        found.starts_with(&prefix).then_some(app)
    }

    /// The app, and its id, whose `Exec` runs this program: the id of an executable or of a script,
    /// so a name where only an administrator could have installed it, else a whole path.
    pub fn by_program(&self, program: &str) -> Option<(&str, &DesktopApp)> {
        let claim = self.programs.get(program)?;
        self.apps.get(&claim.id).map(|app| (&*claim.id, app))
    }

    /// How many apps are known.
    pub fn len(&self) -> usize {
        self.apps.len()
    }

    /// Whether no app is known.
    pub fn is_empty(&self) -> bool {
        self.apps.is_empty()
    }

    /// How many desktop files found no room.
    pub fn dropped(&self) -> usize {
        self.dropped
    }
}

impl FromIterator<DesktopFile> for DesktopIndex {
    fn from_iter<T: IntoIterator<Item = DesktopFile>>(files: T) -> Self {
        let mut index = Self::default();
        for file in files {
            index.insert(&file);
        }
        index
    }
}

/// The id of a desktop file by its path: what is below `applications/`, with `-` for `/`; elsewhere
/// (autostart) the file's name.
pub(super) fn id_of_path(path: &str) -> Option<String> {
    let path = path.strip_suffix(".desktop")?;
    let id = match path.rsplit_once("/applications/") {
        Some((_, below)) => below.replace('/', "-"),
        None => program::base_name(path)?.to_owned(),
    };
    (!id.is_empty()).then_some(id)
}

/// Reads the group `[Desktop Entry]`; `None` if it is no application, or one marked as removed.
fn parse(text: &str) -> Option<Keys> {
    let mut keys = Keys { is_displayed: true, ..Keys::default() };
    let mut lines = text.lines().map(str::trim);
    lines.by_ref().find(|line| line.trim_start_matches('\u{feff}') == "[Desktop Entry]")?;
    for line in lines.take_while(|line| !line.starts_with('[')) {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim_start();
        let text = || Some(unescape(value));
        match key.trim_end() {
            "Type" if value != "Application" => return None,
            "Hidden" if value == "true" => return None,
            "NoDisplay" => keys.is_displayed = value != "true",
            "Name" => keys.name = text(),
            "Icon" => keys.icon = text(),
            "Exec" => keys.exec = text(),
            _ => {}
        }
    }
    Some(keys)
}

/// The escapes of string values.
fn unescape(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('s') => plain.push(' '),
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some('\\') | None => plain.push('\\'),
            Some(other) => plain.extend(['\\', other]),
        }
    }
    plain
}

/// The arguments of an `Exec`, without field codes (`%U`).
fn exec_arguments(exec: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut current: Option<String> = None;
    let mut is_quoted = false;
    let mut characters = exec.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                is_quoted = !is_quoted;
                current.get_or_insert_default();
            }
            '\\' if is_quoted => current.get_or_insert_default().extend(characters.next()),
            ' ' | '\t' | '\n' if !is_quoted => arguments.extend(current.take()),
            '%' if !is_quoted => {
                if characters.next() == Some('%') {
                    current.get_or_insert_default().push('%');
                }
            }
            _ => current.get_or_insert_default().push(character),
        }
        if arguments.len() == MAX_ARGUMENTS {
            return arguments;
        }
    }
    arguments.extend(current);
    arguments
}

/// Programs that only start others, or that anybody runs: they are nobody's.
const NOBODYS: [&str; 28] = [
    "busybox",
    "coreutils",
    "curl",
    "dbus-launch",
    "dbus-run-session",
    "dbus-send",
    "doas",
    "firejail",
    "flatpak",
    "gapplication",
    "gdbus",
    "gio",
    "gtk-launch",
    "kdesu",
    "kioclient",
    "nice",
    "nohup",
    "pkexec",
    "runuser",
    "setsid",
    "snap",
    "su",
    "sudo",
    "systemd-run",
    "toybox",
    "waydroid",
    "wget",
    "xdg-open",
];

/// The program an app runs, as [`DesktopIndex::by_program`] is asked for it, and how good the claim
/// is. Several apps may share a program (a browser and its web apps): the one that is called like
/// the program is meant before one that gives it options, and one that gives it something to open
/// is not meant at all.
fn claim(id: &str, exec: &str, origin: Origin) -> Option<(String, u8)> {
    let arguments = exec_arguments(exec);
    let arguments = without_env(&arguments);
    let (first, rest) = arguments.split_first()?;
    let is_path = first.starts_with('/');
    if !is_path && first.contains('/') {
        return None;
    }
    // A bare name is looked up in the search path, which is all standard.
    let found = if is_path { first.clone() } else { format!("/usr/bin/{first}") };
    let program = Program::new(Some(&found), arguments)?;
    let is_script = interpreter::is_interpreter(program.name);
    let key = if is_script {
        interpreter::absolute_script_id(&program)?
    } else if NOBODYS.contains(&program.name) {
        return None;
    } else {
        program.id()?
    };
    // Else any program of a user could pass off the traffic of `ssh` as that of another app.
    if origin == Origin::User && !key.starts_with('/') {
        return None;
    }
    let last = id.rsplit('.').next().unwrap_or(id);
    let rank = if [id, last].iter().any(|id| id.eq_ignore_ascii_case(program.name)) {
        0
    } else if is_script || rest.is_empty() {
        1
    } else if rest.iter().all(|argument| argument.starts_with('-')) {
        2
    } else {
        return None;
    };
    Some((key.into_owned(), rank))
}

/// What `env NAME=value program` runs.
fn without_env(arguments: &[String]) -> &[String] {
    match arguments {
        [first, rest @ ..] if first == "env" || first == "/usr/bin/env" => {
            let is_setting = |argument: &String| argument.contains('=') || argument == "-i";
            let start = rest.iter().position(|argument| !is_setting(argument));
            start.map_or(&[], |start| &rest[start..])
        }
        _ => arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(id: &str, text: &str, origin: Origin) -> DesktopFile {
        DesktopFile { id: id.into(), text: format!("[Desktop Entry]\n{text}"), origin }
    }

    fn system(id: &str, text: &str) -> DesktopFile {
        file(id, text, Origin::System)
    }

    #[test]
    fn keys_of_one_group() {
        let check = |text: &str, expected: Option<(&str, &str, &str, bool)>| {
            let expected = expected.map(|(name, icon, exec, is_displayed)| {
                let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                Keys { name: some(name), icon: some(icon), exec: some(exec), is_displayed }
            });
            assert_eq!(parse(text), expected, "{text:?}");
        };
        check(
            "# c\n[Desktop Entry]\nType=Application\nName=Web\nName[de]=Netz\nIcon = web\nExec=web %U\n\
             [Desktop Action new]\nName=New\nExec=other\n",
            Some(("Web", "web", "web %U", true)),
        );
        check("[Other]\nName=No\n[Desktop Entry]\nName=Yes", Some(("Yes", "", "", true)));
        check(
            "\u{feff}[Desktop Entry]\r\nName=a\\sb\\\\c\\x\r\n",
            Some(("a b\\c\\x", "", "", true)),
        );
        check("[Desktop Entry]\nNoDisplay=true\nName=a", Some(("a", "", "", false)));
        check("[Desktop Entry]\nHidden=true\nName=a", None);
        check("[Desktop Entry]\nType=Link\nName=a", None);
        check("[Desktop Entry]\nno key\n=x\n", Some(("", "", "", true)));
        check("Name=a", None);
        check("", None);
    }

    #[test]
    fn exec_is_split_as_specified() {
        let check =
            |exec: &str, expected: &[&str]| assert_eq!(exec_arguments(exec), expected, "{exec}");
        check("web %U", &["web"]);
        check("web --a=%u  100%% -- %F", &["web", "--a=", "100%", "--"]);
        check("\"/opt/a b/web\" \"c\\\"d\\$\" \"\"", &["/opt/a b/web", "c\"d$", ""]);
        check("\"open", &["open"]);
        check("", &[]);
        assert_eq!(exec_arguments(&"a ".repeat(1000)).len(), MAX_ARGUMENTS);
    }

    #[test]
    fn programs_are_claimed() {
        let check = |id: &str, exec: &str, expected: Option<(&str, u8)>| {
            let expected = expected.map(|(program, rank)| (program.to_owned(), rank));
            assert_eq!(claim(id, exec, Origin::System), expected, "{exec}");
        };
        check("firefox", "/usr/lib/firefox/firefox %u", Some(("firefox", 0)));
        check("org.kde.Konsole", "konsole", Some(("konsole", 0)));
        check("org.x.Y", "web %U", Some(("web", 1)));
        check("org.x.Y", "web --new-window -- %U", Some(("web", 2)));
        check("org.x.Y", "/opt/web/web %U", Some(("/opt/web/web", 1)));
        check("org.x.Y", "env A=b C=d /usr/bin/web", Some(("web", 1)));
        check("org.x.Y", "python3 /usr/share/y/y.py %U", Some(("/usr/share/y/y.py", 1)));
        check("org.x.Y", "gjs -m /usr/bin/org.x.Y", Some(("org.x.Y", 1)));
        check("org.x.Y", "java -jar /usr/share/java/y.jar", Some(("/usr/share/java/y.jar", 1)));
        check("wifi", "gnome-control-center wifi", None);
        check("org.x.Y", "python3 y.py", None);
        check("org.x.Y", "python3 -m y", None);
        check("org.x.Y", "sh -c 'exec web'", None);
        check("bash", "bash", None);
        check("org.x.Y", "flatpak run --command=y org.x.Y", None);
        check("org.x.Y", "waydroid app launch y", None);
        check("org.x.Y", "bin/web", None);
        check("org.x.Y", "env", None);
        check("org.x.Y", "", None);
    }

    #[test]
    fn the_best_claim_wins_and_users_claim_only_their_own() {
        let index: DesktopIndex = [
            system("web-app-1", "Name=Game\nExec=web --app=1\n"),
            system("web", "Name=Web\nIcon=web\nExec=web %U\n"),
            system("web-app-2", "Name=Mail\nExec=web --app=2\n"),
            system("hidden", "Name=Hidden\nNoDisplay=true\nExec=hidden\n"),
            file("web", "Name=False\nExec=/home/a/false\n", Origin::User),
            file("mine", "Name=Mine\nExec=/home/a/mine\n", Origin::User),
            file("theirs", "Name=Theirs\nExec=ssh\n", Origin::User),
        ]
        .into_iter()
        .collect();
        let check = |program: &str, expected: Option<&str>| {
            assert_eq!(index.by_program(program).map(|(id, _)| id), expected, "{program}");
        };
        check("web", Some("web"));
        check("/home/a/mine", Some("mine"));
        check("/home/a/false", None);
        check("hidden", None);
        check("ssh", None);
        assert_eq!(index.app("web").and_then(|app| app.name.as_deref()), Some("Web"));
        assert_eq!(index.app("web").and_then(|app| app.icon.as_deref()), Some("web"));
        assert!(index.app("hidden").is_some() && index.app("none").is_none());
        assert_eq!((index.len(), index.is_empty(), index.dropped()), (6, false, 0));
    }

    #[test]
    fn clicks_are_found_without_their_version() {
        let index: DesktopIndex =
            [system("a.b_c_1.0", "Name=C\n"), system("a.b_cd_1.0", "Name=D\n")]
                .into_iter()
                .collect();
        let check = |id: &str, expected: Option<&str>| {
            assert_eq!(index.click(id).and_then(|app| app.name.as_deref()), expected, "{id}");
        };
        check("a.b_c", Some("C"));
        check("a.b_cd", Some("D"));
        check("a.b", Some("C"));
        check("z", None);
    }

    #[test]
    fn the_index_is_bounded() {
        let index: DesktopIndex =
            (0..MAX_APPS + 3).map(|number| system(&number.to_string(), "Name=a\n")).collect();
        assert_eq!((index.len(), index.dropped()), (MAX_APPS, 3));
    }

    #[test]
    fn ids_from_paths() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(id_of_path(path).as_deref(), expected, "{path}");
        };
        check("/usr/share/applications/org.x.Y.desktop", Some("org.x.Y"));
        check("/usr/share/applications/kde/konsole.desktop", Some("kde-konsole"));
        check("/etc/xdg/autostart/a.desktop", Some("a"));
        check("a.desktop", Some("a"));
        check("/usr/share/applications/.desktop", None);
        check("/usr/share/applications/x", None);
        check("", None);
    }
}
