import { fieldOffsets } from '../../../abi/index.ts';

const AT = fieldOffsets('bpf_flow_keys');
const at = (name: string): number => AT[name]!;
const ETH_IPV6 = 0x86dd;

/** One step of MurmurHash3, as in runtime/helpers/skb_meta.ts. */
function mix(hash: number, word: number): number {
  const rotated = rotate(Math.imul(word, 0xcc9e2d51), 15);
  let next = (Math.imul(rotate(hash ^ Math.imul(rotated, 0x1b873593), 13), 5) + 0xe6546b64) | 0;
  next ^= next >>> 16;
  return Math.imul(next, 0x85ebca6b) >>> 0;
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

/**
 * The flow's hash of struct bpf_flow_keys, the same in both directions; never 0. Without `known`
 * the keys are those of no flow. Linux keys it with random bytes; here the key is the seed.
 */
export function flowKeysHash(keys: Uint8Array, known: boolean, seed: number): number {
  if (!known) return mix(seed, 0) | 1;
  const view = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
  const six = view.getUint16(at('addr_proto'), true) === ETH_IPV6;
  const [source, destination] = six ? ['ipv6_src', 'ipv6_dst'] : ['ipv4_src', 'ipv4_dst'];
  let [a, b] = [seed, seed];
  for (let i = 0; i < (six ? 16 : 4); i += 4) {
    a = mix(a, view.getUint32(at(source!) + i, true));
    b = mix(b, view.getUint32(at(destination!) + i, true));
  }
  a = mix(a, view.getUint16(at('sport'), true));
  b = mix(b, view.getUint16(at('dport'), true));
  const hash = mix(mix((a ^ b) >>> 0, (a + b) >>> 0), keys[at('ip_proto')]!);
  return hash === 0 ? 1 : hash;
}
