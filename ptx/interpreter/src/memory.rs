//! Memory of the device.

/// Bytes between allocations: whatever runs past one is in none.
const GAP: u64 = 1 << 20;
/// Alignment of allocations.
const ALIGN: u64 = 256;

/// An allocation.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) base: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Allocations, none of which has the address of an earlier one.
#[derive(Debug)]
pub(crate) struct Memory {
    /// In the order of their addresses.
    regions: Vec<Region>,
    next: u64,
    used: u64,
}

impl Memory {
    /// Memory whose allocations begin at an address.
    pub(crate) fn at(first: u64) -> Self {
        Self { regions: Vec::new(), next: first, used: 0 }
    }

    /// Bytes that are allocated.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// Allocates, with these bytes in it. None where the addresses are used up.
    pub(crate) fn allocate(&mut self, bytes: Vec<u8>) -> Option<u64> {
        let base = self.next;
        let length = u64::try_from(bytes.len()).ok()?;
        self.next = base.checked_add(length)?.checked_add(GAP)?.checked_next_multiple_of(ALIGN)?;
        self.used = self.used.saturating_add(length);
        self.regions.push(Region { base, bytes });
        Some(base)
    }

    /// Frees what begins at an address; false where nothing does.
    pub(crate) fn free(&mut self, base: u64) -> bool {
        let Ok(index) = self.regions.binary_search_by_key(&base, |region| region.base) else { return false };
        self.used = self.used.saturating_sub(self.regions.remove(index).bytes.len() as u64);
        true
    }

    /// The number of the allocation that an address is in; the one at `hint` is looked at first.
    pub(crate) fn find(&self, address: u64, hint: usize) -> Option<usize> {
        let inside = |region: &Region| address.wrapping_sub(region.base) < region.bytes.len() as u64;
        if self.regions.get(hint).is_some_and(inside) {
            return Some(hint);
        }
        let index = self.regions.partition_point(|region| region.base <= address).checked_sub(1)?;
        inside(self.regions.get(index)?).then_some(index)
    }

    /// The allocation of a number that [`Memory::find`] gave.
    pub(crate) fn region(&self, index: usize) -> Option<&Region> {
        self.regions.get(index)
    }

    /// The allocation of a number that [`Memory::find`] gave.
    pub(crate) fn region_mut(&mut self, index: usize) -> Option<&mut Region> {
        self.regions.get_mut(index)
    }

    /// `length` bytes from an address, if they are in one allocation.
    pub(crate) fn slice(&mut self, address: u64, length: usize) -> Option<&mut [u8]> {
        let region = self.find(address, 0)?;
        let region = self.regions.get_mut(region)?;
        let offset = usize::try_from(address - region.base).ok()?;
        region.bytes.get_mut(offset..offset.checked_add(length)?)
    }
}
