import type { DeviceStatistics } from '../../kernel/index.ts';

/** Counts of a device, all zero. */
export function newStatistics(): DeviceStatistics {
  return {
    rx_packets: 0,
    rx_bytes: 0,
    rx_dropped: 0,
    tx_packets: 0,
    tx_bytes: 0,
    tx_dropped: 0,
    rx_nohandler: 0,
    xdp_drop: 0,
    xdp_tx: 0,
    xdp_redirect: 0,
    xdp_exception: 0,
    xdp_tx_errors: 0,
    xdp_redirect_errors: 0,
  };
}
