using System.Runtime.InteropServices;
using Dtt.Core.Errors;

namespace Dtt.Cli.Runs;

/// <summary>Takes the signals that would end a command, and gives each as the exit code that it stands for.</summary>
internal sealed class Signals : IDisposable
{
    /// <summary>128 + SIGHUP: the terminal is gone.</summary>
    public const int HangUp = 129;

    private readonly PosixSignalRegistration[] _registrations;

    public Signals(Action<int> act)
    {
        _registrations =
        [
            On(PosixSignal.SIGINT, ExitCodes.Interrupted),
            On(PosixSignal.SIGTERM, ExitCodes.Terminated),
            On(PosixSignal.SIGHUP, HangUp),
        ];

        PosixSignalRegistration On(PosixSignal signal, int code) => PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            act(code);
        });
    }

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
    }
}
