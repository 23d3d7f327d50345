//! Programs to compare with: such that do nothing, and the cheapest counter per socket there can be.
//! Only benchmarks load them.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(not(target_arch = "bpf"))]
fn main() {}

#[cfg(target_arch = "bpf")]
mod programs {
    #![expect(unreachable_pub, reason = "the attribute macros want `pub`")]
    #![expect(unsafe_code, reason = "the least that can be done is done with raw pointers")]

    use aya_ebpf::btf_maps::HashMap;
    use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
    use aya_ebpf::macros::{btf_map, cgroup_skb, cgroup_sock, cgroup_sock_addr};
    use aya_ebpf::programs::{SkBuffContext, SockAddrContext, SockContext};
    use monitor_ebpf::add::add;

    #[cgroup_skb(egress)]
    pub fn empty_egress(_: SkBuffContext) -> i32 {
        1
    }

    #[cgroup_skb(ingress)]
    pub fn empty_ingress(_: SkBuffContext) -> i32 {
        1
    }

    #[cgroup_sock_addr(connect4)]
    pub fn empty_connect4(_: SockAddrContext) -> i32 {
        1
    }

    #[cgroup_sock_addr(connect6)]
    pub fn empty_connect6(_: SockAddrContext) -> i32 {
        1
    }

    #[cgroup_sock(sock_create)]
    pub fn empty_sock_create(_: SockContext) -> i32 {
        1
    }

    #[cgroup_sock(sock_release)]
    pub fn empty_sock_release(_: SockContext) -> i32 {
        1
    }

    /// Bytes and packets.
    type Counters = [u64; 2];

    #[btf_map]
    static SOCKETS: HashMap<u64, Counters, 65_536> = HashMap::new();

    #[cgroup_skb(egress)]
    pub fn cheapest_egress(ctx: SkBuffContext) -> i32 {
        count(&ctx);
        1
    }

    #[cgroup_skb(ingress)]
    pub fn cheapest_ingress(ctx: SkBuffContext) -> i32 {
        count(&ctx);
        1
    }

    /// One cookie, one look-up, two adds.
    #[inline(always)]
    fn count(ctx: &SkBuffContext) {
        // SAFETY: the helper takes the program's context.
        let cookie = unsafe { bpf_get_socket_cookie(ctx.skb.skb.cast()) };
        let bytes = u64::from(ctx.skb.len());
        if let Some(counters) = SOCKETS.get_ptr_mut(&cookie) {
            add(counters.cast(), bytes);
            // SAFETY: the second of two counters.
            add(unsafe { counters.cast::<u64>().add(1) }, 1);
            return;
        }
        // A full map drops the rest: this is the floor, not a monitor.
        let _ = SOCKETS.insert(&cookie, &[bytes, 1], 0);
    }
}

/// See `main.rs`.
#[cfg(target_arch = "bpf")]
#[expect(unsafe_code, reason = "the kernel looks the licence up by the name of its section")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
