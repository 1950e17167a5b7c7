/** The part of ECharts that is used: the repository's types are checked without the bench's packages. */
declare module 'echarts' {
  interface Chart {
    setOption(option: object): void
    renderToSVGString(): string
    dispose(): void
  }
  export const init: (
    element: null,
    theme: null,
    options: { readonly renderer: 'svg'; readonly ssr: true; readonly width: number; readonly height: number },
  ) => Chart
}
