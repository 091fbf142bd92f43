using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Client;
using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt silo status|stop|logs|run|forget</c>: the background process that owns the work, on this machine.</summary>
internal static class SiloCommand
{
    public static Command Create() => new("silo", "Manage the silo: the background process that owns the work.") { Status(), Stop(), Logs(), Run(), Forget() };

    private static Command Status()
    {
        var json = JsonOutput.Option();
        var command = new Command("status", "Show whether the silo is running and what it is doing.") { json };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await PlatformClient.TryConnectHereAsync(cancellation);
            var status = client is null ? null : await client.Grains.GetGrain<IPlatformGrain>(0).StatusAsync();
            var folders = PlatformFolders.FromEnvironment();
            if (result.GetValue(json)) JsonOutput.Print(SiloOutput.Of(status, folders), JsonOutput.Records.SiloOutput);
            else Print(status, folders, client?.Silo.Store);
        });
        return command;
    }

    private static void Print(SiloReport? status, PlatformFolders folders, string? store)
    {
        if (status is null)
        {
            Console.Out.WriteLine(ClusterFolder.HasNodes(folders)
                ? $"no silo is running for {folders.State}, and none is started beside the cluster in {folders.ClusterFolder}: `dtt nodes` shows its "
                    + "nodes. The silo of a node is shown on it, with the DTT_STATE that it was started with."
                : JobsPlatform.IsAway(folders) ? $"no silo is running for {folders.State}, and none is started: {JobsPlatform.Describe(folders)}."
                : $"no silo is running for {folders.State}; the next command that needs one starts it.");
            return;
        }

        Console.Out.WriteLine($"silo: process {status.Process}, build {status.Build}, since {status.StartedAt.ToLocalTime():yyyy-MM-dd HH:mm:ss}, "
            + $"{status.MemoryBytes / 1e6:N0} MB, {status.Clients} client{(status.Clients == 1 ? "" : "s")}");
        Console.Out.WriteLine(store is null ? $"state: {folders.State}" : $"state: {folders.State}, in PostgreSQL at {store}");
        foreach (var device in status.Devices) Console.Out.WriteLine($"device {device}");
        Console.Out.WriteLine(status.Work.Count == 0 ? "idle" : "busy:");
        foreach (var work in status.Work) Console.Out.WriteLine($"  {work}");
    }

    private static Command Stop()
    {
        var force = new Option<bool>("--force")
        {
            Description = "Stop it even when it is busy: its runs save a checkpoint first, and continue when the next silo starts.",
        };
        var command = new Command("stop", "Stop the silo.") { force };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await PlatformClient.TryConnectHereAsync(cancellation);
            if (client is null)
            {
                Console.Error.WriteLine("no silo is running.");
                return ExitCodes.Success;
            }

            if (!await client.EndSiloAsync(result.GetValue(force), cancellation))
            {
                var work = string.Join("; ", (await client.Grains.GetGrain<IPlatformGrain>(0).StatusAsync()).Work);
                throw new UserErrorException(
                    $"the silo is busy: {work}. Wait, stop that work, or use --force: runs save a checkpoint first, and continue when the next silo starts.");
            }

            Console.Error.WriteLine("the silo has stopped.");
            return ExitCodes.Success;
        });
        return command;
    }

    private static Command Logs()
    {
        var follow = new Option<bool>("--follow", "-f") { Description = "Keep printing as the log grows." };
        var command = new Command("logs", "Print the silo's log.") { follow };
        command.SetAction(async (result, cancellation) =>
        {
            var folders = PlatformFolders.FromEnvironment();
            var file = folders.LogFile;
            if (ClusterFolder.HasNodes(folders) || JobsPlatform.IsAway(folders))
            {
                Console.Error.WriteLine($"{folders.Home} is a cluster's. The log of a node is on it, in its DTT_STATE; of a Slurm job's silos also in "
                    + "slurmlogs/JOB/life-N/silo-NODE.log, where the job was submitted.");
            }

            if (!File.Exists(file)) throw new UserErrorException($"there is no log of a silo of this machine: {file}.");
            using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
            do Console.Out.Write(await reader.ReadToEndAsync(cancellation));
            while (result.GetValue(follow) && await timer.WaitForNextTickAsync(cancellation));
        });
        return command;
    }

    private static Command Run()
    {
        var command = new Command("run", "Run the silo in the foreground; Ctrl+C stops it, after its runs have saved a checkpoint.");
        command.SetAction(_ => Exec.Become(ProgramPaths.Dotnet(), ProgramPaths.Silo(), "--foreground"));
        return command;
    }

    private static Command Forget()
    {
        var command = new Command("forget", "Forget the nodes of a cluster that do not answer any more: commands no longer look for them.");
        command.SetAction(async (_, cancellation) =>
        {
            var folders = PlatformFolders.FromEnvironment();
            var answering = await Gateways.FindAnsweringAsync(ClusterFolder.Read(folders), cancellation);
            var gone = ClusterFolder.Forget(folders, silo => !answering.Contains(silo));
            foreach (var file in gone) Console.Error.WriteLine($"removed {file}");
            Console.Error.WriteLine($"{(answering.Count == 1 ? "1 node answers" : $"{answering.Count} nodes answer")}, {gone.Count} forgotten.");
        });
        return command;
    }
}
