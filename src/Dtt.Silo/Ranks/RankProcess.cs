using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO.Pipes;
using System.Text;
using Dtt.Abstractions.Platform;
using Dtt.Abstractions.Ranks;
using Dtt.Abstractions.Storage;

namespace Dtt.Silo.Ranks;

/// <summary>A rank as a child process: the protocol over two inherited pipes, whatever it prints into a log file.</summary>
internal sealed class RankProcess : IDisposable
{
    private const int LinesKept = 3;
    private readonly Process _process;
    private readonly LineLog _log;
    private readonly ConcurrentQueue<string> _lastLines = new();
    private readonly Task _printed;

    private RankProcess(Process process, MessagePipe pipe, string logFile)
    {
        (_process, Pipe) = (process, pipe);
        _log = new LineLog(logFile);
        _printed = Task.WhenAll(Copy(process.StandardOutput), Copy(process.StandardError));
    }

    /// <summary>The protocol.</summary>
    public MessagePipe Pipe { get; }

    /// <summary>The process id.</summary>
    public int Id => _process.Id;

    /// <summary>The last lines that it printed.</summary>
    public IReadOnlyList<string> LastLines => [.. _lastLines];

    /// <summary>Starts a rank and sends it its work.</summary>
    /// <param name="spec">The work.</param>
    /// <param name="logFile">Where whatever it prints goes.</param>
    /// <param name="environment">What it has in its environment beside the silo's own, less what belongs to runs.</param>
    public static async Task<RankProcess> StartAsync(RankMessage spec, string logFile, IReadOnlyDictionary<string, string> environment)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(logFile)!);
        var rank = await SpawnerThread.RunAsync(() => Spawn(logFile, environment));
        await rank.SendAsync(spec);
        return rank;
    }

    /// <summary>Sends a message, unless the rank is gone: then the end of its pipe tells the reader of its messages.</summary>
    public async Task SendAsync(RankMessage message)
    {
        try
        {
            await Pipe.SendAsync(message);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Died or left between its last word and this one.
        }
    }

    /// <summary>Kills it at once.</summary>
    public void Kill()
    {
        if (!_process.HasExited) _process.Kill();
    }

    /// <summary>Waits for its end; how it ended, in words.</summary>
    public async Task<string> WaitAsync()
    {
        await _process.WaitForExitAsync();
        await _printed;
        var code = _process.ExitCode;
        return code > 128 ? $"was killed by signal {code - 128}" : $"ended with exit code {code}";
    }

    public void Dispose()
    {
        Kill();
        Pipe.Dispose();
        _process.Dispose();
        _log.Dispose();
    }

    private static RankProcess Spawn(string logFile, IReadOnlyDictionary<string, string> environment)
    {
        var toRank = new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.Inheritable);
        var fromRank = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.Inheritable);
        var start = new ProcessStartInfo(ProgramPaths.Dotnet()) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var argument in new[] { ProgramPaths.Rank(), "--pipe", toRank.GetClientHandleAsString(), fromRank.GetClientHandleAsString(), "--parent", Environment.ProcessId.ToString() })
            start.ArgumentList.Add(argument);

        foreach (var name in start.Environment.Keys.Where(RankEnvironment.Owns).ToList()) start.Environment.Remove(name);
        foreach (var (name, value) in environment) start.Environment[name] = value;

        // Fresh pages cost more than arithmetic when every step maps and unmaps its activations: let malloc keep them.
        start.Environment.TryAdd("MALLOC_MMAP_THRESHOLD_", "4000000000");
        start.Environment.TryAdd("MALLOC_TRIM_THRESHOLD_", "8000000000");
        start.Environment.TryAdd("MALLOC_TOP_PAD_", "268435456");
        start.Environment[OwnerSweep.Variable] = OwnerSweep.ThisOwner;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        toRank.DisposeLocalCopyOfClientHandle();
        fromRank.DisposeLocalCopyOfClientHandle();
        return new RankProcess(process, new MessagePipe(fromRank, toRank), logFile);
    }

    private async Task Copy(StreamReader lines)
    {
        while (await lines.ReadLineAsync() is { } line)
        {
            lock (_log) _log.Append(Encoding.UTF8.GetBytes(line));
            _lastLines.Enqueue(line);
            while (_lastLines.Count > LinesKept) _ = _lastLines.TryDequeue(out _);
        }
    }
}
