import { DRIVER } from './generated/driver.ts';
import { MONITOR } from './generated/monitor.ts';

/** The compiled examples/vf-monitor/monitor.bpf.c. */
export const monitorObject = (): Uint8Array => bytesOf(MONITOR);

/** The compiled examples/vf-monitor/driver.bpf.c. */
export const driverObject = (): Uint8Array => bytesOf(DRIVER);

const bytesOf = (base64: string): Uint8Array =>
  Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
