//! What the agent may do: all of it at the start, and as little as it needs from then on.
//!
//! Started as root with `user` set, it becomes that user at once, with the capabilities that loading and
//! attaching take, so that no file is opened by root in a directory that is somebody else's. Once it
//! watches, it keeps those of [`RUNNING`] and can get no other again.
//!
//! All of this holds for one thread, and so for all that it starts later: it is done while there is one.

use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, geteuid, set_dumpable_behavior};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, capabilities, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use super::accounts::{self, User};
use super::{handover, refusal};
use crate::config::Config;
use crate::failure::Failure;

/// While the programs are in their places: the tables (before Linux 5.19 every bpf(2) takes `CAP_BPF` unless
/// everybody may use it, `kernel.unprivileged_bpf_disabled`), which program a process runs and which sockets
/// it holds, and directories that only their owners may read.
const RUNNING: CapabilitySet =
    CapabilitySet::BPF.union(CapabilitySet::SYS_PTRACE).union(CapabilitySet::DAC_READ_SEARCH);

/// Until then also: attaching, pointers in programs, mounting a cgroup2 tree and entering network
/// namespaces, and raising the limit on locked memory.
const STARTING: CapabilitySet = RUNNING
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::SYS_ADMIN)
    .union(CapabilitySet::SYS_RESOURCE);

/// What becoming another user and handing over directories takes.
const BECOMING: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETPCAP);

/// Becomes the user that the configuration names, and hands it the directories of the agent.
pub(super) fn begin(config: &Config, file: &Path) -> Result<(), Failure> {
    if config.user.is_empty() {
        return Ok(());
    }
    let user = User::named(&config.user).ok_or_else(|| refusal::no_user(file, &config.user))?;
    let now = geteuid();
    if now.as_raw() == user.uid {
        return Ok(());
    }
    if !now.is_root() {
        return Err(refusal::not_root(&user.name));
    }
    // Where there is no telling, trying tells.
    if capabilities(None).is_ok_and(|sets| !sets.effective.contains(BECOMING)) {
        return Err(refusal::cannot_become(&user.name));
    }
    handover::all(config, &user)?;
    // It may give a socket only to a group that it is in.
    let groups: Vec<_> =
        accounts::group_id(&config.socket_group).map(Gid::from_raw).into_iter().collect();
    switch(&user, &groups).map_err(|error| {
        Failure::io(format!("cannot become the user `{}`", user.name), error.into())
    })
}

/// Becomes the user for good: real, effective and saved ids, and these groups beside its own.
fn switch(user: &User, groups: &[Gid]) -> rustix::io::Result<()> {
    let sets = capabilities(None)?;
    let kept = sets.permitted.intersection(STARTING);
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_thread_groups(groups)?;
    set_thread_res_gid(gid, gid, gid)?;
    // Nothing can be made inheritable once it is out of the bounding set.
    set_capabilities(None, CapabilitySets { inheritable: kept, ..sets })?;
    bound()?;
    set_keep_capabilities(true)?;
    set_thread_res_uid(uid, uid, uid)?;
    set_keep_capabilities(false)?;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: kept })?;
    // The child that loads the programs is another program, which inherits only these.
    each(kept).try_for_each(|capability| configure_capability_in_ambient_set(capability, true))
}

/// Takes all but [`RUNNING`] out of the bounding set, also capabilities that are newer than this program:
/// whatever is started from now on can get nothing else.
fn bound() -> rustix::io::Result<()> {
    for capability in each(RUNNING.complement()) {
        match remove_capability_from_bounding_set(capability) {
            // The kernel knows no more of them.
            Err(Errno::INVAL) => break,
            done => done?,
        }
    }
    Ok(())
}

/// The capabilities of a set one by one, also those that have no name here.
fn each(set: CapabilitySet) -> impl Iterator<Item = CapabilitySet> {
    let all = (0..u64::BITS).map(|number| CapabilitySet::from_bits_retain(1 << number));
    all.filter(move |capability| set.contains(*capability))
}

/// Keeps what the running agent needs, and nothing for programs it starts. An agent that is root stays so.
pub(super) fn settle() -> io::Result<()> {
    if geteuid().is_root() {
        return Ok(());
    }
    let kept = capabilities(None)?.permitted.intersection(RUNNING);
    // Without anything inheritable there is nothing ambient either (capabilities(7)).
    let inheritable = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable })?;
    set_no_new_privs(true)?;
    // What it knows of others is read neither by programs of the same user nor from a core file.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
