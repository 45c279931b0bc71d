// Packages without types of their own, as far as the frame programs use them.

declare module "plotly.js-dist-min" {
  const Plotly: { react(element: HTMLElement, figure: object): Promise<unknown> };
  export default Plotly;
}

declare module "anywidget" {}
