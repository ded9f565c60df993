import { parseExact } from '../../util/json/lossless-json.ts';

/** Replaces control characters and line breaks, so that a dead letter cannot move the cursor of a terminal. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: matches control characters on purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}

const HEX_BYTES = 512;
const HEX_LINE = 16;

/**
 * Formats data for reading: JSON indented, other text unchanged, anything else as its first 512 bytes in hexadecimal.
 */
export function printableData(data: Uint8Array): string {
  const text = textIn(data);
  if (text === undefined) return hexDump(data);
  try {
    return JSON.stringify(parseExact(text), undefined, 2);
  } catch {
    return text
      .split(/\r?\n/)
      .map((line) => line.split('\t').map(oneLine).join('\t'))
      .join('\n');
  }
}

function textIn(data: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return undefined;
  }
}

function hexDump(data: Uint8Array): string {
  const lines: string[] = [];
  for (let offset = 0; offset < Math.min(data.byteLength, HEX_BYTES); offset += HEX_LINE) {
    const bytes = Buffer.from(data.subarray(offset, Math.min(offset + HEX_LINE, HEX_BYTES)));
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = Array.from(bytes, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${offset.toString(16).padStart(8, '0')}  ${hex.padEnd(HEX_LINE * 3)} ${text}`);
  }
  if (data.byteLength > HEX_BYTES) lines.push(`… ${data.byteLength - HEX_BYTES} more bytes`);
  return lines.join('\n');
}
