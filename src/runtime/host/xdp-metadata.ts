/** What devices say of a packet beside its bytes: kernel functions of XDP (net/core/xdp.c). */
import { errnos } from '../../abi/index.ts';
import type { HostCall, HostHelper, RxMetadata } from '../types.ts';

/** A device without the function leaves the kernel's own in place; else a packet may have none. */
function answer<Said>(
  call: HostCall,
  ask: (of: RxMetadata) => (() => Said | undefined) | undefined,
  write: (said: Said, view: DataView) => void,
): void {
  const metadata = call.runtime.host.rxMetadata;
  const said = metadata && ask(metadata);
  if (!said) return call.returnInt(-errnos['EOPNOTSUPP']!);
  const value = said.call(metadata);
  if (value === undefined) return call.returnInt(-errnos['ENODATA']!);
  write(value, call.runtime.view());
  call.returnInt(0);
}

/** By name, with the number of parameters. */
export const rxMetadata: readonly (readonly [string, { arity: number; body: HostHelper }])[] = [
  [
    'bpf_xdp_metadata_rx_timestamp',
    {
      arity: 2,
      body: (call: HostCall) =>
        answer(
          call,
          (of) => of.timestamp,
          (time, view) => view.setBigUint64(call.u32(1), time, true),
        ),
    },
  ],
  [
    'bpf_xdp_metadata_rx_hash',
    {
      arity: 3,
      body: (call: HostCall) =>
        answer(
          call,
          (of) => of.hash,
          ({ hash, type }, view) => {
            view.setUint32(call.u32(1), hash, true);
            view.setUint32(call.u32(2), type, true);
          },
        ),
    },
  ],
  [
    'bpf_xdp_metadata_rx_vlan_tag',
    {
      arity: 3,
      body: (call: HostCall) =>
        answer(
          call,
          (of) => of.vlanTag,
          ({ protocol, tci }, view) => {
            // The protocol in network order, the tag in the machine's: as drivers do.
            view.setUint16(call.u32(1), protocol, false);
            view.setUint16(call.u32(2), tci, true);
          },
        ),
    },
  ],
];
