using System.Diagnostics;
using System.Globalization;
using Dtt.Abstractions.Errors;

namespace Dtt.Training.Benchmarks;

/// <summary>Another trainer as a child process: its first line is its name; then a line of seconds for every line that it is sent.</summary>
internal sealed class BenchPeer : IDisposable
{
    private readonly Process _process;

    public BenchPeer(string command, string[] arguments)
    {
        var words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        _process = Process.Start(new ProcessStartInfo(words[0], [.. words[1..], .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
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

    private string Line() => _process.StandardOutput.ReadLine() ?? throw new UserErrorException("the peer ended; see above for what it said.");
}
