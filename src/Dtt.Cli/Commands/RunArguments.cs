using System.CommandLine;
using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Errors;
using Dtt.Abstractions.Runs;

namespace Dtt.Cli.Commands;

/// <summary>The RUN argument and the folder of runs.</summary>
internal static class RunArguments
{
    /// <summary>The runs of this folder.</summary>
    public static FileRunStore Store()
    {
        var reader = new ConfigReader(TemplateKeys.All);
        var file = ConfigFiles.Find(ConfigLoader.DefaultTemplates);
        if (File.Exists(file)) reader.ReadFile(file);
        reader.ThrowIfWrong();
        return new FileRunStore(Path.GetFullPath(reader.Values.Text("runs")), TimeProvider.System);
    }

    /// <summary>RUN, with completion.</summary>
    public static Argument<string> Run(string description)
    {
        var argument = new Argument<string>("RUN") { Description = description };
        argument.CompletionSources.Add(_ => Store().List().Select(r => new System.CommandLine.Completions.CompletionItem(r)));
        return argument;
    }

    /// <summary>A run's record.</summary>
    /// <exception cref="UserErrorException">There is no such run.</exception>
    public static RunRecord Find(IRunStore store, string run) => store.Find(run) ?? throw new UserErrorException(
        $"there is no run '{run}'.{Spelling.Hint(run, store.List())} `dtt runs` lists them.", ExitCodes.BadConfiguration);

    /// <summary>The checkpoint that RUN, RUN@STEP, RUN@best or RUN@latest names.</summary>
    /// <exception cref="UserErrorException">There is no such run or checkpoint.</exception>
    public static (RunRecord Run, CommittedCheckpoint Checkpoint) Checkpoint(IRunStore store, string reference)
    {
        var parts = reference.Split('@', 2);
        var record = Find(store, parts[0]);
        var which = parts.Length == 2 ? parts[1] : "latest";
        var found = which switch
        {
            "latest" => record.Latest,
            "best" => record.Best ?? record.Latest,
            _ => long.TryParse(which, out var step) ? record.Checkpoints.FirstOrDefault(c => c.Step == step) : null,
        };
        return (record, found ?? throw new BadDataException(record.Checkpoints.Count == 0
            ? $"run '{record.Run}' has no checkpoint yet."
            : $"run '{record.Run}' has no checkpoint '{which}'; it has {string.Join(", ", record.Checkpoints.Select(c => c.Step))}, @best and @latest."));
    }
}
