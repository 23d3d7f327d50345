//! What the memory has to say, with its evidence.

use super::app::AppKey;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $code:literal, $label:literal;)+) => {
        /// The kinds of finding. The label `kind` of the metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl Kind {
            /// All kinds, cheapest detector first.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// The value of the `kind` label.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$kind => $label,)+
                }
            }

            /// Whether it is about something that happened once, and not about what goes on.
            pub const fn is_news(self) -> bool {
                matches!(self, Self::NewApp | Self::NewCompany | Self::FirstContact)
            }

            /// Its number in the file.
            pub(super) const fn code(self) -> u8 {
                match self {
                    $(Self::$kind => $code,)+
                }
            }

            /// The kind with this number in the file.
            pub(super) const fn of(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$kind),)+
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// A behaviour of the catalogue was seen.
    Documented = 0, "documented";
    /// An app was seen for the first time.
    NewApp = 1, "new_app";
    /// An app that is known for a while is in contact with a company for the first time.
    NewCompany = 2, "new_company";
    /// An app that is known for a while is in contact with a destination for the first time.
    FirstContact = 3, "first_contact";
    /// Seen after most starts of the device, and seldom otherwise.
    AfterBoot = 4, "after_boot";
    /// A system app is seldom in contact with a destination no other app uses.
    Rare = 5, "rare_destination";
    /// Comes at regular intervals.
    Regular = 6, "regular";
    /// Comes once in each of many equal windows of time.
    Floating = 7, "floating";
    /// Comes on the same day of each month, or in the same hour of each day.
    Calendar = 8, "calendar";
}

/// Whether what was found still goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Active,
    /// It was not seen for several times its interval, or is no news any more.
    Faded,
}

impl State {
    /// As in the JSON.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Faded => "faded",
        }
    }
}

/// The numbers behind a finding. Those that say nothing about its kind are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Seconds from one time to the next. For a calendar day of the month, 0.
    pub period_s: u32,
    /// Times, windows, months, days or starts of the device in which it was seen.
    pub seen: u32,
    /// Those in which it could have been seen.
    pub possible: u32,
    /// Contacts in all.
    pub contacts: u64,
    /// Bytes sent in all.
    pub tx_bytes: u64,
    /// Bytes received in all.
    pub rx_bytes: u64,
    /// Events while somebody used the device.
    pub present: u16,
    /// Events while nobody did.
    pub away: u16,
    /// The day of the month, from 1.
    pub day: u8,
    /// The hour of the day from which on it is seen, plus 1; see [`Evidence::hour`].
    pub(super) hour_1: u8,
    /// Seconds after a start of the device: from, and until.
    pub after_boot_s: (u32, u32),
    /// Seconds since the app, or for a new app this memory, was first seen.
    pub known_s: u32,
}

impl Evidence {
    /// The local hour of the day from which on it is seen.
    pub fn hour(&self) -> Option<u8> {
        self.hour_1.checked_sub(1)
    }
}

/// What the memory has to say about an app and a destination. It states what was seen, not why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of statement.
    pub kind: Kind,
    /// The app.
    pub app: AppKey,
    /// The destination, at the level of detail it was recorded with. Empty for a new app.
    pub destination: Box<str>,
    /// The id of the behaviour in the catalogue, if there is one.
    pub behaviour: Option<Box<str>>,
    /// The company behind the destination, if it is known.
    pub company: Option<Box<str>>,
    /// The numbers behind it.
    pub evidence: Evidence,
    /// When it was found, in milliseconds since the Unix epoch; `None` when no clock told.
    pub first_ms: Option<u64>,
    /// When it was last confirmed, in milliseconds since the Unix epoch.
    pub last_ms: Option<u64>,
    /// Whether it goes on.
    pub state: State,
}
