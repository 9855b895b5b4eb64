/**
 * Packets for trie.bpf.c: what is read, where the reader is interrupted, what changes meanwhile. The
 * same seed gives the same packets.
 *
 * @param {number} seed
 * @param {number} count
 * @returns {Uint8Array[]}
 */
export function schedules(seed, count) {
  let state = seed >>> 0;
  const below = (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  return Array.from({ length: count }, () => {
    const packet = new Uint8Array(64);
    const changes = below(9);
    packet.set([below(64), below(4), changes], 14);
    for (let i = 0; i < changes; i++) packet.set([below(3) > 0 ? 1 : 0, below(64)], 17 + 2 * i);
    return packet;
  });
}
