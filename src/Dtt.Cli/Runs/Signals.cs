using System.Runtime.InteropServices;
using Dtt.Core.Errors;

namespace Dtt.Cli.Runs;

/// <summary>Takes the signals that would end a command, and gives each as the exit code that it stands for.</summary>
internal sealed class Signals : IDisposable
{
    /// <summary>128 + SIGHUP: the terminal is gone.</summary>
    public const int HangUp = 129;

    private readonly PosixSignalRegistration[] _registrations;

    public Signals(Action<int> act) => _registrations =
    [
        .. new[] { (PosixSignal.SIGINT, ExitCodes.Interrupted), (PosixSignal.SIGTERM, ExitCodes.Terminated), (PosixSignal.SIGHUP, HangUp) }.Select(s => PosixSignalRegistration.Create(s.Item1, context =>
        {
            context.Cancel = true;
            act(s.Item2);
        })),
    ];

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
    }
}
