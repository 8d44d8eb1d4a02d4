/** Colours and type of the pictures, for light and for dark surroundings. */

/** Of rails, in the order in which they are given out: distinct in both, also to most who see fewer colours. */
const rails = [
  ["#0b6bcb", "#5aa9ff"], ["#c2410c", "#ff9d5c"], ["#0f7b4d", "#4fd18b"], ["#8b3fb8", "#cf8bff"],
  ["#b3261e", "#ff8a80"], ["#00718f", "#4cc9e6"], ["#8a6d00", "#e6c34a"], ["#5b5f66", "#b4bac4"],
] as const;

export const railCount = rails.length;

const light = {
  page: "#f6f7f9", panel: "#ffffff", edge: "#d5dae1", host: "#eceff3", ink: "#1a1f27", soft: "#5a6472",
  wrong: "#b3261e", head: "#f0f3f7",
};
const dark: typeof light = {
  page: "#12151a", panel: "#1b2027", edge: "#343c47", host: "#171b21", ink: "#e7ebf0", soft: "#9aa5b3",
  wrong: "#ff8a80", head: "#232a33",
};

/** Custom properties for `selector`, in both kinds of surroundings. */
export function colours(selector: string): string {
  const rule = (named: typeof light, which: 0 | 1): string => {
    const own = Object.entries(named).map(([name, value]) => `--${name}:${value}`);
    return `${selector}{${[...own, ...rails.map((pair, index) => `--rail${index}:${pair[which]}`)].join(";")}}`;
  };
  return `${rule(light, 0)}@media(prefers-color-scheme:dark){${rule(dark, 1)}}`;
}

export const fonts = {
  text: "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',Ubuntu,Cantarell,'DejaVu Sans',sans-serif",
  fixed: "ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono','DejaVu Sans Mono',monospace",
} as const;
