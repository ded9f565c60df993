import { spread } from './statistics.ts';

type Shares = Readonly<Record<string, number>>;

/** Share of one core that each process used, in 2 decimals: medians of the rounds. */
export function sharesOf(rounds: readonly { readonly utilizations: Shares }[]): Shares {
  const names = new Set(rounds.flatMap(({ utilizations }) => Object.keys(utilizations)));
  return Object.fromEntries(
    Array.from(names, (name) => {
      const { median } = spread(rounds.flatMap(({ utilizations }) => utilizations[name] ?? []));
      return [name, Math.round(median * 100) / 100];
    }),
  );
}

/** The busiest process and its share of a core. It was the limit only near 100 %. */
export function busiestOf({ saturated, utilizations }: { readonly saturated: string; readonly utilizations?: Shares }) {
  const share = utilizations?.[saturated];
  return share === undefined ? saturated : `${saturated} ${Math.round(share * 100)} %`;
}
