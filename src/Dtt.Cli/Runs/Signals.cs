using System.Runtime.InteropServices;
using Dtt.Core.Errors;

namespace Dtt.Cli.Runs;

/// <summary>Takes the signals that would end a command, and gives each as the exit code that it stands for.</summary>
internal sealed class Signals : IDisposable
{
    /// <summary>128 + SIGHUP: the terminal is gone.</summary>
    public const int HangUp = 129;

    private readonly Lock _gate = new();
    private readonly Action<int> _act;
    private readonly PosixSignalRegistration[] _registrations;
    private bool _disposed;

    public Signals(Action<int> act)
    {
        _act = act;
        _registrations =
        [
            On(PosixSignal.SIGINT, ExitCodes.Interrupted),
            On(PosixSignal.SIGTERM, ExitCodes.Terminated),
            On(PosixSignal.SIGHUP, HangUp),
        ];

        PosixSignalRegistration On(PosixSignal signal, int code) => PosixSignalRegistration.Create(signal, context => context.Cancel = Take(code));
    }

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        lock (_gate) _disposed = true;
    }

    /// <summary>Acts on a signal. One that was on its way when this was disposed is not taken, and ends the process as any other.</summary>
    private bool Take(int code)
    {
        lock (_gate)
        {
            if (_disposed) return false;
            _act(code);
            return true;
        }
    }
}
