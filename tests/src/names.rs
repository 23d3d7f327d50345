//! The stage for names: a network on which every name leads to the servers.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::client::Trust;
use crate::scratch::unique;
use crate::stub::{self, Stub};
use crate::wait::PATIENCE;
use crate::{
    App, Cgroup, Client, Launch, Network, Report, Resolver, Running, Scratch, Seen, Zone,
    eventually, program,
};

/// How long a client may take: a browser on a busy machine takes long.
const CLIENT_PATIENCE: Duration = Duration::from_mins(1);

/// The last byte of the address at which QUIC is version 2.
const QUIC2_HOST: u8 = 3;

/// Two hosts; on one of them servers that answer any name, as [`Zone`] says.
#[derive(Debug)]
pub struct Names {
    /// The resolver between the clients and the servers, if there is one.
    stub: Option<stub::Resolving>,
    /// The servers, ended before what they stand on.
    server: Running,
    server_cgroup: Cgroup,
    /// The hosts.
    pub network: Network,
    resolver: Resolver,
    authority: PathBuf,
    key: String,
    scratch: Scratch,
}

impl Names {
    /// On hosts with addresses of the internet.
    pub fn new(zone: &Zone) -> Self {
        Self::on(Network::internet(), zone)
    }

    /// On these hosts. The clients ask the servers themselves for names, over IPv4.
    pub fn on(network: Network, zone: &Zone) -> Self {
        let scratch = Scratch::new();
        let server_cgroup = Cgroup::service();
        let authority = scratch.path().join("authority.pem");
        let host = &network.server;
        let server = Launch::new(program::anyname())
            .words(&format!("serve --address {} --address {}", host.v4, host.v6))
            .words(&format!("--quic2 {} --authority", host.add_address(QUIC2_HOST)))
            .arg(&authority)
            .arg("--zone")
            .arg(scratch.write("zone", &zone.to_string()))
            .in_namespace(&host.namespace)
            .in_cgroup(&server_cgroup)
            .spawn();
        let ready = first_report(&server, "ready");
        let key = ready.text("key").expect("the servers tell their key").to_owned();
        let resolver = Resolver::new(&scratch, "direct", host.v4.into());
        Self { stub: None, server, server_cgroup, network, resolver, authority, key, scratch }
    }

    /// Puts a resolver on the clients' host: they ask that one, and it alone asks the servers.
    pub fn behind(self, kind: Stub) -> Self {
        let stub = stub::Resolving::start(kind, &self.network.client.namespace, self.server());
        let resolver = Resolver::new(&self.scratch, "stub", stub.address());
        Self { stub: Some(stub), resolver, ..self }
    }

    /// The app of the resolver on the clients' host.
    pub fn stub_app(&self) -> &App {
        self.stub.as_ref().expect("there is a resolver between").app()
    }

    /// Runs a client to its successful end, as an app of its own.
    pub fn run(&self, client: &Client) -> Visit {
        let mut visit = self.start(client);
        visit.finish();
        visit
    }

    /// Starts a client as an app of its own.
    pub fn start(&self, client: &Client) -> Visit {
        self.start_in(Cgroup::service(), client)
    }

    /// Starts a client in this cgroup.
    pub fn start_in(&self, cgroup: Cgroup, client: &Client) -> Visit {
        let home = self.scratch.path().join(unique("home"));
        std::fs::create_dir(&home).unwrap_or_else(|e| panic!("{}: {e}", home.display()));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let trust = Trust {
            authority: &self.authority,
            home: &home,
            key: &self.key,
            server: self.server(),
        };
        let running = client
            .launch(trust)
            // No proxy of this machine, and no language.
            .with_environment(&[
                ("PATH", &path),
                ("HOME", home.as_os_str()),
                ("LC_ALL", OsStr::new("C")),
            ])
            .in_namespace(&self.network.client.namespace)
            .in_cgroup(&cgroup)
            .with_files(self.resolver.files())
            .spawn();
        Visit { running, cgroup }
    }

    /// Everything that the servers were told so far, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.server.stdout.all().lines().filter_map(Seen::parse).collect()
    }

    /// Waits until the servers have seen this; gives the first.
    pub fn until_seen(&self, what: &str, name: &str, more: &[(&str, &str)]) -> Seen {
        eventually(&format!("{what} {name} {more:?}"), PATIENCE, || {
            let all = self.seen();
            let found = all.iter().find(|seen| seen.is(what, name, more)).cloned();
            found.ok_or_else(|| {
                format!("seen {all:#?}\nthe servers say: {}", self.server.stderr.all())
            })
        })
    }

    /// The app of the servers.
    pub fn server_app(&self) -> &App {
        self.server_cgroup.app()
    }

    /// The address that clients ask for names.
    pub fn server(&self) -> IpAddr {
        self.network.server.v4.into()
    }
}

/// A client that was started.
#[derive(Debug)]
pub struct Visit {
    /// The program, ended before its cgroup.
    running: Running,
    cgroup: Cgroup,
}

impl Visit {
    /// The app that it is.
    pub fn app(&self) -> &App {
        self.cgroup.app()
    }

    /// The cgroup that it runs in.
    pub fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// The cgroup, for another program in it, once this one has ended.
    pub fn into_cgroup(self) -> Cgroup {
        self.cgroup
    }

    /// The program.
    pub fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    /// Waits for its successful end.
    pub fn finish(&mut self) {
        let status = self.running.wait(CLIENT_PATIENCE);
        let (shown, says) = (self.running.shown(), self.running.stderr.all());
        assert!(status.success(), "{shown}: {status}: {says}");
    }

    /// Waits for its end, whether it succeeds or not; gives its exit code.
    pub fn code(&mut self) -> Option<i32> {
        self.running.wait(CLIENT_PATIENCE).code()
    }

    /// What it has said on standard output.
    pub fn said(&self) -> String {
        self.running.stdout.all()
    }
}

/// The first line that a program says, which begins with this word.
pub(crate) fn first_report(running: &Running, word: &str) -> Report {
    let line = running.stdout.next(PATIENCE).unwrap_or_else(|error| {
        panic!("`{}` says nothing ({error}), only: {}", running.shown(), running.stderr.all())
    });
    let report = Report::parse(&line);
    assert_eq!(report.word(), word, "`{}` says {line:?}", running.shown());
    report
}
