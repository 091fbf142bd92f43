namespace Dtt.Core.Errors;

/// <summary>The exit codes of every DTT program.</summary>
public static class ExitCodes
{
    /// <summary>The command did what it was asked.</summary>
    public const int Success = 0;

    /// <summary>It failed; the message says why.</summary>
    public const int Failure = 1;

    /// <summary>The command line or a configuration file is wrong; nothing was started.</summary>
    public const int BadConfiguration = 2;

    /// <summary>A dataset, token shard, tokenizer or checkpoint is missing or corrupt.</summary>
    public const int BadData = 3;

    /// <summary>Nothing is lost and the same command may be run again (sysexits' EX_TEMPFAIL).</summary>
    public const int Requeue = 75;

    /// <summary>Ended by Ctrl+C (128 + SIGINT).</summary>
    public const int Interrupted = 130;

    /// <summary>Ended by SIGTERM (128 + SIGTERM).</summary>
    public const int Terminated = 143;
}
