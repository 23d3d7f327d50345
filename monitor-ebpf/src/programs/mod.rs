//! The entry points, one per hook. Each returns 1, "let it pass", on every path: a monitor fails open.
//!
//! Only contexts of the user-space API are used, so no kernel BTF is needed; helpers are those that
//! 5.10 has. Everything is inlined: the 32-bit JITs have no calls between BPF functions.

#![expect(
    unreachable_pub,
    reason = "the attribute macros want `pub`; the kernel finds programs by name"
)]

mod bound;
mod count;
mod ctx;
mod flow;
mod owner;
mod packet;
mod sample;
mod settle;
mod tables;

use aya_ebpf::macros::{cgroup_skb, cgroup_sock, cgroup_sock_addr};
use aya_ebpf::programs::{SkBuffContext, SockAddrContext, SockContext};

use self::ctx::{Direction, Packet, Remote, SockAddr, Socket};

/// The verdict of every program.
const PASS: i32 = 1;

/// A process makes a socket.
#[cgroup_sock(sock_create)]
pub fn sock_create(ctx: SockContext) -> i32 {
    flow::create(&Socket::new(ctx.sock));
    PASS
}

/// A process binds a socket: it may become a listener, whose children inherit the owner.
#[cgroup_sock(post_bind4)]
pub fn post_bind4(ctx: SockContext) -> i32 {
    let socket = Socket::new(ctx.sock);
    owner::remember(&socket, bound::local_v4);
    PASS
}

/// See [`post_bind4`].
#[cgroup_sock(post_bind6)]
pub fn post_bind6(ctx: SockContext) -> i32 {
    let socket = Socket::new(ctx.sock);
    owner::remember(&socket, bound::local_v6);
    PASS
}

/// A process connects a socket.
#[cgroup_sock_addr(connect4)]
pub fn connect4(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr::new(ctx.sock_addr);
    flow::connect(&addr, &Remote::v4(addr.ip4(), addr.port()));
    PASS
}

/// See [`connect4`].
#[cgroup_sock_addr(connect6)]
pub fn connect6(ctx: SockAddrContext) -> i32 {
    let addr = SockAddr::new(ctx.sock_addr);
    flow::connect(&addr, &Remote::v6(addr.ip6(), addr.port()));
    PASS
}

/// A packet leaves a socket.
#[cgroup_skb(egress)]
pub fn egress(ctx: SkBuffContext) -> i32 {
    flow::account(&Packet::new(ctx.skb.skb), Direction::Transmit);
    PASS
}

/// A packet reaches a socket.
#[cgroup_skb(ingress)]
pub fn ingress(ctx: SkBuffContext) -> i32 {
    flow::account(&Packet::new(ctx.skb.skb), Direction::Receive);
    PASS
}

/// The last process closes a socket.
#[cgroup_sock(sock_release)]
pub fn sock_release(ctx: SockContext) -> i32 {
    flow::release(&Socket::new(ctx.sock));
    PASS
}
