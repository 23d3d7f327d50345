//! The closed lists of the catalogue. The build script reads them as well: what the data may say and
//! what the agent knows are one.

/// What a behaviour is for. The label `category` of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Reports of an operating system to whoever makes or sells it.
    OsTelemetry,
    /// Counts of what is done in apps.
    Analytics,
    /// Advertisements, and what chooses them.
    Ads,
    /// Which advertisement led to an installation.
    Attribution,
    /// Reports of crashes.
    CrashReports,
    /// Settings that a maker changes from afar, experiments among them.
    Configuration,
    /// Connections that wait for notifications.
    Push,
    /// Is there an internet, or a page to log in at?
    ConnectivityCheck,
    /// What time is it?
    Time,
    /// Software and lists, and whether there are newer ones.
    Update,
    /// Messages and calls.
    Messaging,
    /// Pictures, films and files.
    Cdn,
    /// Resolvers that encrypt what they are asked.
    Dns,
    /// Is a certificate still good?
    Certificates,
    /// Where is this device, or where are the satellites?
    Location,
    /// How will the weather be?
    Weather,
    /// An account, and what is kept in step with it.
    Account,
}

impl Category {
    /// Every category.
    pub const ALL: [Self; 17] = [
        Self::OsTelemetry,
        Self::Analytics,
        Self::Ads,
        Self::Attribution,
        Self::CrashReports,
        Self::Configuration,
        Self::Push,
        Self::ConnectivityCheck,
        Self::Time,
        Self::Update,
        Self::Messaging,
        Self::Cdn,
        Self::Dns,
        Self::Certificates,
        Self::Location,
        Self::Weather,
        Self::Account,
    ];

    /// The name in data and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OsTelemetry => "os_telemetry",
            Self::Analytics => "analytics",
            Self::Ads => "ads",
            Self::Attribution => "attribution",
            Self::CrashReports => "crash_reports",
            Self::Configuration => "configuration",
            Self::Push => "push",
            Self::ConnectivityCheck => "connectivity_check",
            Self::Time => "time",
            Self::Update => "update",
            Self::Messaging => "messaging",
            Self::Cdn => "cdn",
            Self::Dns => "dns",
            Self::Certificates => "certificates",
            Self::Location => "location",
            Self::Weather => "weather",
            Self::Account => "account",
        }
    }
}

/// How well a behaviour is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// By code that was read, or traffic that was decrypted.
    A,
    /// By the words of whoever makes it, or of a regulator.
    B,
    /// By public lists of hosts only.
    C,
}

impl Grade {
    /// Every grade, best first.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    /// The letter.
    pub const fn label(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }
}

/// A transport protocol that a rule may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP, QUIC included.
    Udp,
}

impl Transport {
    /// Every transport.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// The name in data.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}
