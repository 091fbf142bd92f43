using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Client;
using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt doctor</c>: what is wrong with this machine, or with any node of the cluster, and what to do about it.</summary>
internal static class DoctorCommand
{
    private const int MostTries = 3;
    private static readonly TimeSpan _mostSkew = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        var json = JsonOutput.Option();
        var command = new Command("doctor", "Examine this machine, or every node of the cluster: what is wrong, and what to do about it.") { json };
        command.SetAction(async (result, cancellation) =>
        {
            var checks = await ExamineAsync(cancellation);
            if (result.GetValue(json)) JsonOutput.Print(checks, JsonOutput.Records.CheckOutputArray);
            else
            {
                Table.Print(checks, new("node", c => c.Node), new("check", c => c.Check), new("", c => c.Fault ? "FAULT" : "ok"), new("found", c => c.Found));
                var faults = checks.Count(c => c.Fault);
                Console.Error.WriteLine(faults == 0 ? "nothing is wrong." : $"{faults} fault{(faults == 1 ? "" : "s")}.");
            }

            return checks.Any(c => c.Fault) ? ExitCodes.Failure : ExitCodes.Success;
        });
        return command;
    }

    /// <summary>
    /// The nodes of the platform, where it lives; else this machine, which a process of its own examines: it may be what keeps a silo from starting.
    /// </summary>
    private static async Task<CheckOutput[]> ExamineAsync(CancellationToken cancellation)
    {
        for (var tries = 1; tries <= MostTries; tries++)
        {
            try
            {
                if (await PlatformClient.TryConnectAsync(cancellation) is not { } client) break;
                await using (client)
                {
                    var began = TimeProvider.System.GetUtcNow();
                    var nodes = await client.Grains.GetGrain<IPlatformGrain>(0).ExamineAsync();
                    var ended = TimeProvider.System.GetUtcNow();
                    return [.. nodes.SelectMany(n => CheckOutput.Of(n).Append(Clock(n, began, ended))), .. await SilentAsync(cancellation)];
                }
            }
            catch (UserErrorException)
            {
                break; // what is wrong is found below
            }
            catch (Exception e) when (e is OrleansException or TimeoutException or OperationCanceledException && !cancellation.IsCancellationRequested)
            {
                // The node that was asked died meanwhile: another tells.
            }
        }

        var here = CheckOutput.Of(await ExamineHereAsync(cancellation)).ToArray();
        return here.Any(c => c is { Check: "folders", Fault: true }) ? here : [.. here, .. await SilentAsync(cancellation)];
    }

    /// <summary>Nodes that are announced and do not answer, or the lack of all.</summary>
    private static async Task<IEnumerable<CheckOutput>> SilentAsync(CancellationToken cancellation)
    {
        var folders = PlatformFolders.FromEnvironment();
        if (JobsPlatform.IsAway(folders) && Environment.GetEnvironmentVariable(PostgresAddress.Variable) is null or "")
            return [new CheckOutput(Environment.MachineName, "cluster", Fault: true, JobsPlatform.Describe(folders))];
        var announced = ClusterFolder.Read(folders);
        var answering = await Gateways.FindAnsweringAsync(announced, cancellation);
        return announced.Except(answering).Select(s => new CheckOutput(s.Node, "cluster", Fault: true,
            $"announced at {s.Gateway}{(s.Job is null ? "" : $" by job {s.Job}")}, and it does not answer: start it again, or forget it with "
            + "`dtt silo forget`."));
    }

    private static CheckOutput Clock(NodeExam node, DateTimeOffset began, DateTimeOffset ended)
    {
        var skew = node.At < began ? node.At - began : node.At > ended ? node.At - ended : TimeSpan.Zero;
        var differs = string.Create(CultureInfo.InvariantCulture, $"differs from this machine's by {skew.TotalSeconds:0.0} s");
        return skew.Duration() <= _mostSkew ? new CheckOutput(node.Node, "clock", Fault: false, skew == TimeSpan.Zero ? "as here" : differs)
            : new CheckOutput(node.Node, "clock", Fault: true, $"{differs}: let both follow a time server (chrony, ntpd).");
    }

    private static async Task<NodeExam> ExamineHereAsync(CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(ProgramPaths.Dotnet(), [ProgramPaths.Silo(), "--examine"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var examining = Process.Start(start)!;
        var (said, wrong) = (examining.StandardOutput.ReadToEndAsync(cancellation), examining.StandardError.ReadToEndAsync(cancellation));
        await examining.WaitForExitAsync(cancellation);
        return examining.ExitCode == ExitCodes.Success ? JsonSerializer.Deserialize(await said, PlatformJson.Default.NodeExam)!
            : throw new UserErrorException($"the examination of this machine ended with exit code {examining.ExitCode}: {(await wrong).Trim()}");
    }
}
