import { styleText } from 'node:util';

type Style = 'bold' | 'green' | 'red' | 'yellow' | 'dim';

/** Styles text for a terminal; for a file or a pipe, and where `NO_COLOR` is set, it stays as it is. */
export function paint(stream: NodeJS.WriteStream): (style: Style, text: string) => string {
  return (style, text) => styleText(style, text, { stream });
}
