using Dtt.Abstractions;
using Dtt.Client;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Runs;

namespace Dtt.Cli.Runs;

/// <summary>Finds the run that a name on the command line means: a folder given as a path, else one of this folder's runs, else any on the platform.</summary>
internal static class RunLookup
{
    /// <summary>The folder of this working folder's runs.</summary>
    public static string RunsFolder()
    {
        var reader = new ConfigReader(TemplateKeys.All);
        var file = ConfigFiles.Find(ConfigLoader.DefaultTemplates);
        if (File.Exists(file)) reader.ReadFile(file);
        reader.ThrowIfWrong();
        return UserPath.Full(reader.Values.Text("runs"));
    }

    /// <summary>The run.</summary>
    /// <exception cref="UserErrorException">There is none, or several in different folders.</exception>
    public static async Task<(IRunGrain Grain, RunView View)> FindAsync(PlatformClient client, string name)
    {
        var here = UserPath.Full(name.Contains('/') ? name : Path.Combine(RunsFolder(), name));
        var grain = client.Grains.Run(here);
        _ = await AdoptAsync(grain, here, force: false);
        if (await grain.FindAsync() is { } mine)
        {
            if (!Directory.Exists(here) && !mine.Record.State.IsActive())
            {
                Console.Error.WriteLine($"note: the run's folder {here} is gone. If it was moved, name it where it is now; "
                    + $"`dtt delete {name}` forgets it here.");
            }

            return (grain, mine);
        }

        var rows = await client.Grains.GetGrain<IPlatformGrain>(0).RunsAsync(RunsFolder());
        var named = rows.Where(r => r.Folder == here).Concat(rows.Where(r => r.Run == name)).Distinct().ToList();
        if (named.Count > 1 && named[0].Folder != here)
        {
            var folders = string.Join(", ", named.Select(r => r.Folder));
            throw new UserErrorException($"there are several runs '{name}': {folders}. Name one by its folder.", ExitCodes.BadConfiguration);
        }

        if (named.Count == 0 && name.Contains('/') && Directory.Exists(here)) throw NoRun(here);
        if (named.Count == 0 || await client.Grains.Run(named[0].Folder).FindAsync() is not { } view)
        {
            var hint = Spelling.Hint(name, rows.Select(r => r.Run));
            throw new UserErrorException($"there is no run '{name}'.{hint} `dtt runs` lists them.", ExitCodes.BadConfiguration);
        }

        return (client.Grains.Run(named[0].Folder), view);
    }

    /// <summary>Has the platform adopt the run in a folder, if there is one that it has not; notes go to stderr.</summary>
    /// <returns>Whether it was adopted.</returns>
    /// <exception cref="UserErrorException">Another platform trains it, or its state is damaged.</exception>
    public static async Task<bool> AdoptAsync(IRunGrain grain, string folder, bool force)
    {
        var reply = await grain.AdoptAsync(force);
        if (reply.Adopted) Console.Error.WriteLine($"adopted run '{Path.GetFileName(folder)}' in {folder}.");
        foreach (var note in reply.Notes) Console.Error.WriteLine($"note: {note}.");
        return reply.Adopted;
    }

    /// <summary>What is wrong with a folder that holds no run.</summary>
    public static BadDataException NoRun(string folder)
    {
        var layout = new RunLayout(folder);
        var state = $"{Path.GetFileName(layout.PlatformState)} (of a standalone run: {Path.GetFileName(layout.State)})";
        return new BadDataException(Directory.Exists(layout.Checkpoints)
            ? $"{folder} has checkpoints, but no state of a run: {state} is missing. Copy it from where the run was trained."
            : $"{folder} is not the folder of a run: {state} is missing. `dtt runs` lists the runs.");
    }

    /// <summary>The checkpoint that RUN, RUN@STEP, RUN@best or RUN@latest names.</summary>
    /// <exception cref="UserErrorException">There is no such run or checkpoint.</exception>
    public static async Task<(IRunGrain Grain, RunView View, CommittedCheckpoint Checkpoint)> FindCheckpointAsync(
        PlatformClient client, string reference)
    {
        var parts = reference.Split('@', 2);
        var (grain, view) = await FindAsync(client, parts[0]);
        var (record, which) = (view.Record, parts.Length == 2 ? parts[1] : "latest");
        var found = which switch
        {
            "latest" => record.Latest,
            "best" => record.Best ?? record.Latest,
            _ => long.TryParse(which, out var step) ? record.Checkpoints.FirstOrDefault(c => c.Step == step) : null,
        };
        return (grain, view, found ?? throw new BadDataException(record.Checkpoints.Count == 0
            ? $"run '{record.Run}' has no checkpoint yet."
            : $"run '{record.Run}' has no checkpoint '{which}'; it has {string.Join(", ", record.Checkpoints.Select(c => c.Step))}, @best and @latest."));
    }

    /// <summary>The run's whole curve.</summary>
    public static async Task<IReadOnlyList<StepMetrics>> CurveAsync(IRunGrain grain)
    {
        var curve = new List<StepMetrics>();
        await foreach (var page in grain.CurveAsync()) curve.AddRange(page);
        return curve;
    }
}
