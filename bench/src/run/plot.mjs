/**
 * All scenarios that have results in one picture: bars of the first column, or curves over the size.
 */
import { init } from 'echarts'

const PANEL = { width: 620, height: 250, columns: 2, left: 230, top: 50, bottom: 40, right: 90 }
const OURS = '#2563eb'
const THEIRS = '#9ca3af'

/** @typedef {import('./results.mjs').Stored} Stored */
/** @typedef {Stored['rows'][number]} StoredRow */

/** @param {StoredRow} row @param {string} figure */
const valueOf = ({ medians }, figure) => medians?.[figure] ?? null

/** @param {number | null} value @param {number} digits */
const label = (value, digits) =>
  value === null ? 'no figure' : value.toLocaleString('en-US', { maximumFractionDigits: digits })

/** @param {Stored} stored */
const bars = ({ columns, rows }) => {
  const { figure = '', title = '', digits = 0 } = columns[0] ?? {}
  return {
    xAxis: { type: 'value', name: title, nameLocation: 'middle', nameGap: 24, splitNumber: 3 },
    yAxis: { type: 'category', inverse: true, data: rows.map((row) => row.title) },
    series: [
      {
        type: 'bar',
        data: rows.map((row) => ({
          value: valueOf(row, figure),
          label: { show: true, position: 'right', formatter: label(valueOf(row, figure), digits) },
          itemStyle: { color: row.peer === 'tidings' ? OURS : THEIRS },
        })),
      },
    ],
  }
}

/** @param {Stored} stored */
const curves = ({ columns, rows }) => {
  const { figure = '', title = '' } = columns[0] ?? {}
  const peers = [...new Set(rows.map(({ peer }) => peer))]
  return {
    xAxis: { type: 'log' },
    yAxis: { type: 'log', name: title },
    series: peers.map((peer) => ({
      type: 'line',
      name: peer,
      endLabel: { show: true, formatter: peer },
      ...(peer === 'tidings' && { itemStyle: { color: OURS }, lineStyle: { color: OURS } }),
      data: rows.filter((row) => row.peer === peer).map((row) => [row.at ?? 0, valueOf(row, figure)]),
    })),
  }
}

/** @param {readonly Stored[]} results @returns {string} SVG */
export const plotOf = (results) => {
  const width = PANEL.width * PANEL.columns
  const height = PANEL.height * Math.ceil(results.length / PANEL.columns)
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  /** @type {{ title: object[], grid: object[], xAxis: object[], yAxis: object[], series: object[] }} */
  const option = { title: [], grid: [], xAxis: [], yAxis: [], series: [] }
  for (const [index, stored] of results.entries()) {
    const left = (index % PANEL.columns) * PANEL.width
    const top = Math.floor(index / PANEL.columns) * PANEL.height
    const { xAxis, yAxis, series } = stored.curve ? curves(stored) : bars(stored)
    option.title.push({
      text: stored.name,
      subtext: stored.title,
      left: left + 10,
      top: top + 4,
      itemGap: 2,
      textStyle: { fontSize: 14 },
    })
    option.grid.push({
      left: left + PANEL.left,
      top: top + PANEL.top,
      width: PANEL.width - PANEL.left - PANEL.right,
      height: PANEL.height - PANEL.top - PANEL.bottom,
    })
    option.xAxis.push({ ...xAxis, gridIndex: index })
    option.yAxis.push({ ...yAxis, gridIndex: index })
    option.series.push(...series.map((one) => ({ ...one, xAxisIndex: index, yAxisIndex: index })))
  }
  chart.setOption({ backgroundColor: '#ffffff', animation: false, ...option })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}
