using System.Diagnostics;
using System.Globalization;
using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Training.Benchmarks;

/// <summary>Another trainer as a child process: its first line is its name; then a line of seconds for every line that it is sent.</summary>
internal sealed class BenchPeer : IDisposable
{
    private readonly Process _process;

    /// <summary>Starts it.</summary>
    /// <param name="command">The program and its first arguments.</param>
    /// <param name="arguments">What it is told of the model.</param>
    public BenchPeer(IReadOnlyList<string> command, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(command[0], [.. command.Skip(1), .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true };

        // As its own users start it: what dtt set for its rank is not the peer's.
        foreach (var (name, value) in RankEnvironment.Defaults)
        {
            if (start.Environment.TryGetValue(name, out var set) && set == value) start.Environment.Remove(name);
        }

        _process = Process.Start(start)!;
        Name = Line();
    }

    /// <summary>Who it is, with its version.</summary>
    public string Name { get; }

    /// <summary>Seconds of one step.</summary>
    public double Seconds()
    {
        _process.StandardInput.WriteLine("step");
        return double.Parse(Line(), CultureInfo.InvariantCulture);
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private string Line() => _process.StandardOutput.ReadLine() ?? throw new UserErrorException("the peer exited; see its output above.");
}
