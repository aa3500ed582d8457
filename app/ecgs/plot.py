"""placeholder"""


def plot_svg(signal_mv, sampling_rate_hz, *, caption, start_s, simulated):
    return ""
