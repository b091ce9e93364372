//! The places for admin connections: who floods loses its own, so a probe always finds one.
//!
//! A new connection is always taken in. At the limit another one makes room for it:
//! 1. the oldest connection of the address that holds the most, counting the new one; where several
//!    hold as many, of the new one's own address if it is among them;
//! 2. if no address would hold two, the oldest that waits for a request, else the oldest of all.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::metrics;

/// The open connections, at most a fixed number of them.
#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    opened: u64,
    /// By the order in which they were opened.
    open: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    address: IpAddr,
    busy: Arc<AtomicBool>,
    /// Never used to send: when the entry is dropped, the slot sees that the sender is gone.
    _evict: oneshot::Sender<()>,
}

impl Slots {
    /// Places for `limit` connections; there is always one.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit: limit.max(1), table: Mutex::default() })
    }

    /// A place for a new connection from `address`, made free if need be.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Slot {
        // An IPv4 peer is the same peer on a dual-stack socket.
        let address = address.to_canonical();
        let busy = Arc::new(AtomicBool::new(false));
        let (evict, evicted) = oneshot::channel();
        let mut table = self.table();
        while table.open.len() >= self.limit {
            table.evict_for(address);
            metrics::admin_connections_evicted_total().increment(1);
        }
        let id = table.opened;
        table.opened += 1;
        table.open.insert(id, Entry { address, busy: busy.clone(), _evict: evict });
        drop(table);
        Slot { id, busy, evicted, slots: self.clone() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing in here panics halfway through a change.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn evict_for(&mut self, newcomer: IpAddr) {
        if let Some(id) = self.victim(newcomer) {
            self.open.remove(&id);
        }
    }

    fn victim(&self, newcomer: IpAddr) -> Option<u64> {
        let mut held: HashMap<IpAddr, usize> = HashMap::from([(newcomer, 1)]);
        for entry in self.open.values() {
            *held.entry(entry.address).or_default() += 1;
        }
        let most = held.values().copied().max().unwrap_or_default();
        if most < 2 {
            return self
                .oldest(|entry| !entry.busy.load(Ordering::Relaxed))
                .or(self.oldest(|_| true));
        }
        if held.get(&newcomer) == Some(&most) {
            return self.oldest(|entry| entry.address == newcomer);
        }
        self.oldest(|entry| held.get(&entry.address) == Some(&most))
    }

    fn oldest(&self, which: impl Fn(&Entry) -> bool) -> Option<u64> {
        self.open.iter().find(|(_, entry)| which(entry)).map(|(id, _)| *id)
    }
}

/// A connection's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    id: u64,
    busy: Arc<AtomicBool>,
    evicted: oneshot::Receiver<()>,
    slots: Arc<Slots>,
}

impl Slot {
    /// What marks this connection as answering a request.
    pub(super) fn marker(&self) -> Marker {
        Marker(self.busy.clone())
    }

    /// Ends when another connection needs the place.
    pub(super) async fn evicted(&mut self) {
        // Nothing is ever sent: the only news is that the sender is gone.
        let _ = (&mut self.evicted).await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.table().open.remove(&self.id);
    }
}

/// Marks a connection as busy.
#[derive(Debug, Clone)]
pub(super) struct Marker(Arc<AtomicBool>);

impl Marker {
    /// Busy until the value is dropped. HTTP/1 answers one request at a time, so one flag does.
    pub(super) fn busy(&self) -> Busy {
        self.0.store(true, Ordering::Relaxed);
        Busy(self.0.clone())
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Busy(Arc<AtomicBool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;
    use tokio::sync::oneshot::error::TryRecvError;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    fn take(slots: &Arc<Slots>, addresses: &[u8]) -> Vec<Slot> {
        addresses.iter().map(|last| slots.take(address(*last))).collect()
    }

    fn evicted(open: &mut [Slot]) -> Vec<usize> {
        let gone = |slot: &mut Slot| slot.evicted.try_recv() == Err(TryRecvError::Closed);
        open.iter_mut().enumerate().filter_map(|(i, slot)| gone(slot).then_some(i)).collect()
    }

    #[test]
    fn below_the_limit_nobody_loses_a_place() {
        let slots = Slots::new(3);
        assert!(evicted(&mut take(&slots, &[1, 1, 1])).is_empty());
    }

    #[test]
    fn who_floods_loses_its_own_oldest() {
        let slots = Slots::new(4);
        let mut open = take(&slots, &[7, 1, 1, 1]);
        open.extend(take(&slots, &[1]));
        assert_eq!(evicted(&mut open), [1]);
        // A newcomer with nothing takes from who holds the most.
        open.extend(take(&slots, &[8]));
        assert_eq!(evicted(&mut open), [1, 2]);
    }

    #[test]
    fn a_flood_from_one_address_never_touches_another() {
        let slots = Slots::new(3);
        let mut open = take(&slots, &[7, 8]);
        let mut flood = take(&slots, &[1; 100]);
        assert!(evicted(&mut open).is_empty());
        assert_eq!(evicted(&mut flood), (0..99).collect::<Vec<_>>());
    }

    #[test]
    fn with_one_each_the_oldest_idle_one_goes_and_busy_ones_last() {
        let slots = Slots::new(3);
        let mut open = take(&slots, &[1, 2, 3]);
        let busy: Vec<_> = open.iter().map(|slot| slot.marker().busy()).collect();
        let mut busy = busy.into_iter();
        let first = busy.next();
        drop(busy.next());
        open.extend(take(&slots, &[4]));
        assert_eq!(evicted(&mut open), [1]);
        drop((first, busy));
    }

    #[test]
    fn with_all_busy_the_oldest_goes() {
        let slots = Slots::new(2);
        let mut open = take(&slots, &[1, 2]);
        let _busy: Vec<_> = open.iter().map(|slot| slot.marker().busy()).collect();
        open.extend(take(&slots, &[3]));
        assert_eq!(evicted(&mut open), [0]);
    }

    #[test]
    fn a_mapped_address_is_the_same_peer() {
        let slots = Slots::new(2);
        let mut open = vec![slots.take(address(1)), slots.take(address(2))];
        open.push(slots.take(Ipv4Addr::new(10, 0, 0, 2).to_ipv6_mapped().into()));
        assert_eq!(evicted(&mut open), [1]);
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_and_the_newest_always_stays(
            limit in 1_usize..8,
            addresses in proptest::collection::vec(0_u8..5, 1..60),
        ) {
            let slots = Slots::new(limit);
            let mut open = Vec::new();
            for last in addresses {
                open.push(slots.take(address(last)));
                prop_assert!(slots.table().open.len() <= limit);
                prop_assert!(slots.table().open.contains_key(&open[open.len() - 1].id));
            }
            drop(open);
            prop_assert!(slots.table().open.is_empty());
        }
    }
}
