using System.Diagnostics;
using System.Runtime.InteropServices;
using Dtt.Core.Errors;

namespace Dtt.Tui;

/// <summary>
/// Ends the program when a signal says so, and when its terminal is gone, which a program without the terminal's signal would never notice. A loop that does
/// not end by itself is ended.
/// </summary>
internal sealed partial class TerminalGuard : IDisposable
{
    private const int HangUp = 129; // 128 + SIGHUP
    private static readonly TimeSpan _grace = TimeSpan.FromSeconds(3);
    private readonly Action _stop;
    private readonly PosixSignalRegistration[] _signals;
    private readonly Timer _terminal;
    private int _code;

    /// <summary>Watches from now on.</summary>
    /// <param name="stop">Ends the main loop; called from any thread.</param>
    public TerminalGuard(Action stop)
    {
        _stop = stop;
        _signals = [On(PosixSignal.SIGINT, ExitCodes.Interrupted), On(PosixSignal.SIGTERM, ExitCodes.Terminated), On(PosixSignal.SIGHUP, HangUp)];
        _terminal = new Timer(_ => EndWithoutTerminal(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    /// <summary>The exit code: of the signal, or 0.</summary>
    public int Code => _code;

    public void Dispose()
    {
        foreach (var signal in _signals) signal.Dispose();
        _terminal.Dispose();
    }

    private PosixSignalRegistration On(PosixSignal signal, int code) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        if (Interlocked.CompareExchange(ref _code, code, 0) != 0) return;
        End(code, _grace);
        _stop();
    });

    /// <summary>Nothing can be drawn any more, nor the screen be put right.</summary>
    private void EndWithoutTerminal()
    {
        var standardInput = new PollDescriptor { Descriptor = 0 };
        if (Poll(ref standardInput, 1, 0) > 0 && Interlocked.CompareExchange(ref _code, HangUp, 0) == 0) End(HangUp, TimeSpan.Zero);
    }

    private static void End(int code, TimeSpan grace) => new Thread(() =>
    {
        Thread.Sleep(grace);
        new Thread(() => Environment.Exit(code)) { IsBackground = true }.Start();
        Thread.Sleep(_grace);
        Process.GetCurrentProcess().Kill();
    })
    { IsBackground = true }.Start();

    /// <summary>Without events asked for, only a hang-up and errors are reported.</summary>
    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollDescriptor descriptors, nuint count, int milliseconds);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Reported;
    }
}
